package blob

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
)

// inMemory is how many bytes of a body that cannot be read twice are kept in memory: most avatars and previews fit, and a thousand uploads at
// once take 64 MiB. More of them go to a file in the system's folder for such.
const inMemory = 64 << 10

// readAtSeeker is a body that several may read at once, each from any place.
type readAtSeeker interface {
	io.ReaderAt
	io.ReadSeeker
}

// replay is a body that may be read several times, one after another.
type replay struct {
	size  int64 // in bytes
	again func() (io.Reader, error)
	close func()
}

// put stores the body, which should have size bytes, -1 when that is not known.
func (r *replay) put(ctx context.Context, in Store, name string, size int64) error {
	body, err := r.again()
	if err != nil {
		return fmt.Errorf("storing %s: reading the body again: %w", name, err)
	}
	return in.Put(ctx, name, body, size)
}

// newReplay makes a body readable again. One that can be read from any place stays where it is; any other is read to its end. Close it.
func newReplay(ctx context.Context, body io.Reader, size int64) (*replay, error) {
	if again, there, ok := lying(body); ok {
		return &replay{there, again, func() {}}, nil
	}
	if size >= 0 {
		body = io.LimitReader(body, size+1) // one too many is an error of whoever stores it
	}
	body = reader{ctx, body}
	var head bytes.Buffer
	if _, err := io.CopyN(&head, body, inMemory); errors.Is(err, io.EOF) {
		return &replay{int64(head.Len()), func() (io.Reader, error) { return bytes.NewReader(head.Bytes()), nil }, func() {}}, nil
	} else if err != nil {
		return nil, fmt.Errorf("reading the body: %w", err)
	}
	return inFile(io.MultiReader(&head, body))
}

// lying finds out whether a body can be read again where it lies, from where it stands on, and how many bytes that are.
func lying(body io.Reader) (again func() (io.Reader, error), size int64, ok bool) {
	seeker, ok := body.(io.ReadSeeker)
	if !ok {
		return nil, 0, false
	}
	from, err := seeker.Seek(0, io.SeekCurrent)
	if err != nil {
		return nil, 0, false
	}
	end, err := seeker.Seek(0, io.SeekEnd)
	if err != nil {
		return nil, 0, false
	}
	size = max(end-from, 0)
	if at, ok := body.(readAtSeeker); ok {
		return func() (io.Reader, error) { return io.NewSectionReader(at, from, size), nil }, size, true
	}
	return func() (io.Reader, error) {
		_, err := seeker.Seek(from, io.SeekStart)
		return seeker, err
	}, size, true
}

// inFile keeps a body in a file that is gone when it is closed.
func inFile(body io.Reader) (*replay, error) {
	f, err := os.CreateTemp("", "gomph-put-*")
	if err != nil {
		return nil, fmt.Errorf("keeping the body: %w", err)
	}
	done := func() {
		_ = f.Close()
		_ = os.Remove(f.Name())
	}
	n, err := io.Copy(f, body)
	if err != nil {
		done()
		return nil, fmt.Errorf("keeping the body: %w", err)
	}
	return &replay{n, func() (io.Reader, error) { return io.NewSectionReader(f, 0, n), nil }, done}, nil
}
