//go:build !linux

package blob

import (
	"io/fs"
	"time"
)

// accessed is when a file was changed: only on Linux do we know when it was read. After a start old files go first.
func accessed(info fs.FileInfo) time.Time { return info.ModTime() }
