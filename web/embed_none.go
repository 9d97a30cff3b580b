//go:build noweb

// Package web owns the built client; this build was made without it.
package web

import (
	"embed"
	"io/fs"
)

// Dist is empty.
func Dist() fs.FS { return embed.FS{} }
