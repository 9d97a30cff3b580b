package blob

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
)

// aside is the folder inside of it in which files are written before they are moved into place.
const aside = ".incoming"

// Disk keeps files in a folder.
type Disk struct{ root *os.Root }

// OpenDisk uses a folder, which is made when it is missing. Nothing outside of it is ever touched.
func OpenDisk(dir string) (*Disk, error) {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, fmt.Errorf("making the folder for files: %w", err)
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, fmt.Errorf("opening the folder for files: %w", err)
	}
	return &Disk{root}, nil
}

// Close lets go of the folder.
func (d *Disk) Close() error { return d.root.Close() }

// Put keeps a file: it is written aside and then moved into place.
func (d *Disk) Put(ctx context.Context, name string, body io.Reader, size int64) error {
	if !ValidName(name) {
		return fmt.Errorf("storing a file: %q is no name", name)
	}
	folders, files := fs.FileMode(0o755), fs.FileMode(0o644)
	if Private(name) { // what one person alone may have is the owner's alone here too (OPS-02)
		folders, files = 0o700, 0o600
	}
	if err := d.root.MkdirAll(filepath.FromSlash(path.Dir(name)), folders); err != nil {
		return fmt.Errorf("storing %s: %w", name, err)
	}
	at := filepath.FromSlash(Name(aside, ""))
	if err := d.root.MkdirAll(filepath.Dir(at), 0o755); err != nil {
		return fmt.Errorf("storing %s: %w", name, err)
	}
	if err := d.write(ctx, at, files, body, size); err != nil {
		_ = d.root.Remove(at)
		return fmt.Errorf("storing %s: %w", name, err)
	}
	if err := d.root.Rename(at, filepath.FromSlash(name)); err != nil {
		_ = d.root.Remove(at)
		return fmt.Errorf("storing %s: %w", name, err)
	}
	return nil
}

func (d *Disk) write(ctx context.Context, at string, mode fs.FileMode, body io.Reader, size int64) error {
	f, err := d.root.OpenFile(at, os.O_WRONLY|os.O_CREATE|os.O_EXCL, mode)
	if err != nil {
		return err
	}
	n, err := io.Copy(f, reader{ctx, body})
	if err == nil && size >= 0 && n != size {
		err = fmt.Errorf("%d bytes came instead of %d: %w", n, size, io.ErrUnexpectedEOF)
	}
	if err != nil {
		_ = f.Close()
		return err
	}
	if err := f.Sync(); err != nil {
		_ = f.Close()
		return err
	}
	return f.Close()
}

// reader stops when its context ends.
type reader struct {
	ctx context.Context
	r   io.Reader
}

func (r reader) Read(b []byte) (int, error) {
	if err := r.ctx.Err(); err != nil {
		return 0, err
	}
	return r.r.Read(b)
}

// Open finds a file.
func (d *Disk) Open(_ context.Context, name string) (*File, error) {
	if !ValidName(name) {
		return nil, notFound()
	}
	f, err := d.root.Open(filepath.FromSlash(name))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, notFound()
	}
	if err != nil {
		return nil, fmt.Errorf("opening %s: %w", name, err)
	}
	info, err := f.Stat()
	if err != nil || !info.Mode().IsRegular() {
		_ = f.Close()
		if err == nil {
			return nil, notFound()
		}
		return nil, fmt.Errorf("opening %s: %w", name, err)
	}
	return &File{ReadSeekCloser: f, Size: info.Size(), ModTime: info.ModTime()}, nil
}

// Delete removes files.
func (d *Disk) Delete(_ context.Context, names ...string) error {
	for _, name := range names {
		if !ValidName(name) {
			continue
		}
		if err := d.root.Remove(filepath.FromSlash(name)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("deleting %s: %w", name, err)
		}
	}
	return nil
}

// Stat tells of a file.
func (d *Disk) Stat(_ context.Context, name string) (Info, error) {
	if !ValidName(name) {
		return Info{}, notFound()
	}
	info, err := d.root.Stat(filepath.FromSlash(name))
	if errors.Is(err, fs.ErrNotExist) || err == nil && !info.Mode().IsRegular() {
		return Info{}, notFound()
	}
	if err != nil {
		return Info{}, fmt.Errorf("looking at %s: %w", name, err)
	}
	return Info{name, info.Size(), info.ModTime()}, nil
}

// Walk tells of files. Hidden ones, and those whose names we never make, are left out.
func (d *Disk) Walk(ctx context.Context, prefix, after string, each func(Info) error) error {
	folder := "."
	if i := strings.LastIndexByte(prefix, '/'); i > 0 {
		folder = prefix[:i]
	}
	if folder != "." && !ValidName(folder) {
		return nil
	}
	return d.walk(ctx, folder, prefix, after, each)
}

func (d *Disk) walk(ctx context.Context, folder, prefix, after string, each func(Info) error) error {
	entries, err := fs.ReadDir(d.root.FS(), folder)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("listing %s: %w", folder, err)
	}
	// In the order of whole names a folder stands where its "/" does, so that a-b comes before a/c.
	key := func(e fs.DirEntry) string {
		if e.IsDir() {
			return e.Name() + "/"
		}
		return e.Name()
	}
	slices.SortFunc(entries, func(a, b fs.DirEntry) int { return strings.Compare(key(a), key(b)) })
	for _, e := range entries {
		if err := ctx.Err(); err != nil {
			return err
		}
		name := path.Join(folder, e.Name())
		if !ValidName(name) {
			continue
		}
		if e.IsDir() {
			inside := name + "/"
			if (strings.HasPrefix(inside, prefix) || strings.HasPrefix(prefix, inside)) && (inside > after || strings.HasPrefix(after, inside)) {
				if err := d.walk(ctx, name, prefix, after, each); err != nil {
					return err
				}
			}
			continue
		}
		if name <= after || !strings.HasPrefix(name, prefix) {
			continue
		}
		info, err := e.Info()
		if errors.Is(err, fs.ErrNotExist) || err == nil && !info.Mode().IsRegular() {
			continue
		}
		if err != nil {
			return fmt.Errorf("looking at %s: %w", name, err)
		}
		if err := each(Info{name, info.Size(), info.ModTime()}); err != nil {
			return err
		}
	}
	return nil
}
