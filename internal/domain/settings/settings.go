// Package settings owns what an admin may change while the server runs, and the server's own addresses.
package settings
