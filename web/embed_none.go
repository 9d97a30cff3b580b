//go:build noweb

package web

import (
	"embed"
	"io/fs"
)

// Dist is empty.
func Dist() fs.FS { return embed.FS{} }
