package blob

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/gomph/gomph/internal/kit/errs"
)

// tidyFor bounds what is looked at and removed after a copy, also when what asked for it is over.
const tidyFor = 30 * time.Second

// errOther means that what a store gives back is not what was put in.
var errOther = errors.New("the copy is not the same")

// copyFile copies one file, and tells its size. A file that is deleted meanwhile is deleted from to again, which is errs.NotFound; whoever
// deletes must therefore delete from first. again is whether this was tried before, and may have left something.
func copyFile(ctx context.Context, from, to Store, name string, verify, again bool) (int64, error) {
	f, err := from.Open(ctx, name)
	if errs.IsNotFound(err) && again {
		return 0, gone(ctx, to, name, err)
	}
	if err != nil {
		return 0, err
	}
	defer func() { _ = f.Close() }()
	if verify {
		err = putVerified(ctx, f, to, name)
	} else {
		err = to.Put(ctx, name, f.ReadSeekCloser, f.Size) // the inner one may be readable in place
	}
	tidy, cancel := context.WithTimeout(context.WithoutCancel(ctx), tidyFor)
	defer cancel()
	if _, there := from.Stat(tidy, name); errs.IsNotFound(there) {
		return 0, gone(tidy, to, name, there)
	}
	return f.Size, err
}

// gone removes the copy of a file that is no more.
func gone(ctx context.Context, to Store, name string, notFound error) error {
	if err := to.Delete(ctx, name); err != nil {
		return fmt.Errorf("removing a copy whose file was deleted: %w", err)
	}
	return notFound
}

// putVerified stores a file, and reads it again from there. A copy that is not the same is removed, or the next run would take it for one.
func putVerified(ctx context.Context, f *File, to Store, name string) error {
	sum := sha256.New()
	var body io.Reader = io.TeeReader(f, sum)
	if at, ok := f.ReadSeekCloser.(readAtSeeker); ok {
		if _, err := io.Copy(sum, reader{ctx, at}); err != nil {
			return fmt.Errorf("reading %s: %w", name, err)
		}
		if _, err := at.Seek(0, io.SeekStart); err != nil {
			return fmt.Errorf("reading %s: %w", name, err)
		}
		body = at
	}
	if err := to.Put(ctx, name, body, f.Size); err != nil {
		return err
	}
	back, err := sumOf(ctx, to, name)
	if err != nil {
		return fmt.Errorf("verifying %s: %w", name, err)
	}
	if bytes.Equal(back, sum.Sum(nil)) {
		return nil
	}
	tidy, cancel := context.WithTimeout(context.WithoutCancel(ctx), tidyFor)
	defer cancel()
	return fmt.Errorf("verifying %s: %w", name, errors.Join(errOther, to.Delete(tidy, name)))
}

// sumOf is the SHA-256 of a file.
func sumOf(ctx context.Context, s Store, name string) ([]byte, error) {
	f, err := s.Open(ctx, name)
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }()
	sum := sha256.New()
	if _, err := io.Copy(sum, reader{ctx, f}); err != nil {
		return nil, err
	}
	return sum.Sum(nil), nil
}
