package mail

import (
	"bytes"
	"context"
	"crypto/rand"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// keptMails bounds the folder: it is for development and first steps, and sign-ups by strangers must not fill a disk.
const keptMails = 1000

// Folder writes messages into a folder, one file each, named by time, readable by the owner only. The newest 1,000 are kept.
type Folder struct {
	dir      string
	envelope envelope
}

// Send implements Sender.
func (f *Folder) Send(_ context.Context, m Message) error {
	msg, err := f.envelope.compose(m)
	if err != nil {
		return err
	}
	var b bytes.Buffer
	if _, err := msg.WriteTo(&b); err != nil {
		return &Error{cause: err}
	}
	if err := f.write(b.Bytes()); err != nil {
		return &Error{cause: fmt.Errorf("writing into %s: %w", f.dir, err)}
	}
	return nil
}

// write puts a whole file in place at once, so that nobody reads half a mail.
func (f *Folder) write(content []byte) error {
	if err := os.MkdirAll(f.dir, 0o700); err != nil {
		return err
	}
	name := filepath.Join(f.dir, time.Now().UTC().Format("20060102T150405.000000000-")+rand.Text()[:6]+".eml")
	if err := os.WriteFile(name+".part", content, 0o600); err != nil {
		return err
	}
	if err := os.Rename(name+".part", name); err != nil {
		return err
	}
	return f.prune()
}

func (f *Folder) prune() error {
	entries, err := os.ReadDir(f.dir) // sorted by name, which is by time
	if err != nil {
		return err
	}
	entries = slices.DeleteFunc(entries, func(e os.DirEntry) bool { return !strings.HasSuffix(e.Name(), ".eml") })
	for len(entries) > keptMails {
		if err := os.Remove(filepath.Join(f.dir, entries[0].Name())); err != nil && !os.IsNotExist(err) {
			return err
		}
		entries = entries[1:]
	}
	return nil
}
