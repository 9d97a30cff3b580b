package sandbox

// RaceEnabled is for tests.
const RaceEnabled = raceEnabled
