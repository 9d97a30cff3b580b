// Package blob owns files: pictures and other bytes that are kept under a name, wherever that is.
//
// Names are made by us, never by strangers: lower-case letters, digits, "-", "_", "." and "/" between parts. Whoever stores
// something that not everybody may see gives it a name that cannot be guessed (Name).
package blob

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"io"
	"strings"
	"time"

	"github.com/gomph/gomph/internal/kit/errs"
)

// maxName bounds a name in bytes, far below what file systems take.
const maxName = 200

// File is an open file. Close it.
type File struct {
	io.ReadSeekCloser
	Size    int64
	ModTime time.Time
}

// Store keeps files. Implementations: Disk.
type Store interface {
	// Put keeps a file whole or not at all; an older one of the name is replaced.
	Put(ctx context.Context, name string, body io.Reader) error
	// Open finds a file; one that is not there, and a name that no file can have, is errs.NotFound.
	Open(ctx context.Context, name string) (*File, error)
	// Delete removes files; those that are not there are fine.
	Delete(ctx context.Context, names ...string) error
}

// ValidName reports whether a file can have a name.
func ValidName(name string) bool {
	if name == "" || len(name) > maxName {
		return false
	}
	for part := range strings.SplitSeq(name, "/") {
		if part == "" || part[0] == '.' {
			return false
		}
		for i := range len(part) {
			c := part[i]
			if !(c >= 'a' && c <= 'z' || c >= '0' && c <= '9' || c == '-' || c == '_' || c == '.') {
				return false
			}
		}
	}
	return true
}

// Name makes a name in a folder that nobody can guess: 128 bits of chance (MED-10), in folders of at most 256 entries at the
// first level. ext begins with a dot.
func Name(folder, ext string) string {
	var b [16]byte
	_, _ = rand.Read(b[:]) // never fails
	s := hex.EncodeToString(b[:])
	return folder + "/" + s[:2] + "/" + s[2:] + ext
}

func notFound() error { return errs.New(errs.NotFoundKind, "The page you are looking for isn't here.") }
