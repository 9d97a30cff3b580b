// Package web owns the built client: what Vite wrote to dist, inside the binary, or nothing in a build made without it.
package web
