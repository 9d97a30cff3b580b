//go:build race

package activitypub_test

// withRace says that the race detector is on.
const withRace = true
