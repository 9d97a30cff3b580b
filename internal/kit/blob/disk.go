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
)

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
func (d *Disk) Put(ctx context.Context, name string, body io.Reader) error {
	if !ValidName(name) {
		return fmt.Errorf("storing a file: %q is no name", name)
	}
	if err := d.root.MkdirAll(filepath.FromSlash(path.Dir(name)), 0o755); err != nil {
		return fmt.Errorf("storing %s: %w", name, err)
	}
	aside := filepath.FromSlash(Name(".incoming", ""))
	if err := d.root.MkdirAll(filepath.Dir(aside), 0o755); err != nil {
		return fmt.Errorf("storing %s: %w", name, err)
	}
	if err := d.write(ctx, aside, body); err != nil {
		_ = d.root.Remove(aside)
		return fmt.Errorf("storing %s: %w", name, err)
	}
	if err := d.root.Rename(aside, filepath.FromSlash(name)); err != nil {
		_ = d.root.Remove(aside)
		return fmt.Errorf("storing %s: %w", name, err)
	}
	return nil
}

func (d *Disk) write(ctx context.Context, at string, body io.Reader) error {
	f, err := d.root.OpenFile(at, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if err != nil {
		return err
	}
	if _, err := io.Copy(f, reader{ctx, body}); err != nil {
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
