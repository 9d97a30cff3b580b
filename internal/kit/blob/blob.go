// Package blob owns files: pictures and other bytes that are kept under a name, wherever that is.
//
// Names are made by us, never by strangers: lower-case letters, digits, "-", "_", "." and "/" between parts. Whoever stores
// something that not everybody may see gives it a name that cannot be guessed (Name).
package blob

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"io"
	"maps"
	"path"
	"slices"
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

// Info is what is known of a file that is there.
type Info struct {
	Name    string
	Size    int64
	ModTime time.Time
}

// Store keeps files. Every implementation passes blobtest.Run.
type Store interface {
	// Put keeps a file whole or not at all; an older one of the name is replaced. Size is how many bytes come, -1 when that is not known;
	// a body of another length is an error, and nothing is kept.
	Put(ctx context.Context, name string, body io.Reader, size int64) error
	// Open finds a file; one that is not there, and a name that no file can have, is errs.NotFound. It may be read from any place.
	Open(ctx context.Context, name string) (*File, error)
	// Stat tells of a file without reading it; errs.NotFound as with Open.
	Stat(ctx context.Context, name string) (Info, error)
	// Delete removes files; those that are not there are fine.
	Delete(ctx context.Context, names ...string) error
	// Walk tells of every file whose name begins with prefix and comes after another one, in the order of the names' bytes; it stops at the
	// first error. It holds no more than a page of names at a time, so that millions may be walked.
	Walk(ctx context.Context, prefix, after string, each func(Info) error) error
}

// types are the only types that files are kept and served as, by the end of their names (MED-05).
var types = map[string]string{
	".png": "image/png", ".jpg": "image/jpeg", ".jpeg": "image/jpeg", ".gif": "image/gif", ".webp": "image/webp", ".avif": "image/avif", ".heic": "image/heic",
	".mp4": "video/mp4", ".m4v": "video/mp4", ".webm": "video/webm", ".mov": "video/quicktime", ".mp3": "audio/mpeg", ".ogg": "audio/ogg", ".oga": "audio/ogg",
	".wav": "audio/wav", ".flac": "audio/flac", ".opus": "audio/ogg", ".aac": "audio/aac", ".m4a": "audio/mp4", ".zip": "application/zip",
}

// TypeOf is the type that a file has by its name; bytes without meaning where that says nothing.
func TypeOf(name string) string {
	if kind, ok := types[path.Ext(name)]; ok {
		return kind
	}
	return "application/octet-stream"
}

// Types are the types that files are kept and served as, by the end of their names.
func Types() map[string]string { return maps.Clone(types) }

// ExtOf is the end that the name of a file of a type gets; empty for types that are not kept.
func ExtOf(kind string) string {
	for _, ext := range []string{".jpg", ".mp4", ".ogg"} { // types that several ends have
		if types[ext] == kind {
			return ext
		}
	}
	for ext, t := range types {
		if t == kind {
			return ext
		}
	}
	return ""
}

// private are the folders of files that nobody gets by their address: archives, and uploads as they came.
var private = []string{"archives/", "backups/", "incoming/"}

// Folders are those of files that everybody gets by their address. What is kept of other servers is in none: it has addresses of its own.
var Folders = []string{"accounts/", "custom_emojis/", "media_attachments/", "site_uploads/"}

// PrivateFolders are those of files that nobody gets by their address.
func PrivateFolders() []string { return slices.Clone(private) }

// Private reports whether a file is one that nobody gets by its address.
func Private(name string) bool {
	return slices.ContainsFunc(private, func(folder string) bool { return strings.HasPrefix(name, folder) })
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

// Path makes a name that nobody can guess for a rendition of what an id stands for, in folders of a thousand entries as Mastodon lays them
// out: media_attachments/files/109/876/543/210/987/654/original/….png. Each rendition's name is one of its own (F6, MED-10).
func Path(folder string, id int64, rendition, ext string) string {
	digits := fmt.Sprintf("%09d", max(id, 0))
	digits = strings.Repeat("0", (3-len(digits)%3)%3) + digits
	var b strings.Builder
	b.WriteString(folder)
	for at := 0; at < len(digits); at += 3 {
		b.WriteString("/" + digits[at:at+3])
	}
	return b.String() + "/" + rendition + "/" + secret() + ext
}

func secret() string {
	var b [16]byte
	_, _ = rand.Read(b[:]) // never fails
	return hex.EncodeToString(b[:])
}

// Name makes a name in a folder that nobody can guess: 128 bits of chance (MED-10), in folders of at most 256 entries at the
// first level. ext begins with a dot.
func Name(folder, ext string) string {
	s := secret()
	return folder + "/" + s[:2] + "/" + s[2:] + ext
}

func notFound() error { return errs.New(errs.NotFoundKind, "The page you are looking for isn't here.") }
