package blob

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
)

// inMemory is how many bytes of a body that cannot be read where it lies are kept in memory: most avatars and previews fit, and a thousand
// uploads at once take 64 MiB. More of them go to a file in the system's folder for such.
const inMemory = 64 << 10

// readAtSeeker is a body that several may read at once, each from any place.
type readAtSeeker interface {
	io.ReaderAt
	io.ReadSeeker
}

// Body is what is to be stored, there to its last byte and counted. Several may read it at once, from any place and as often as they need.
// Close it.
type Body struct {
	at    io.ReaderAt
	from  int64
	close func()
	// Size is in bytes.
	Size int64
}

// NewBody makes a body of one that should have size bytes, -1 when that is not known; another number is an error. What can be read from any
// place (a file on disk, bytes) is read where it lies, from where it stands on. Any other is read to its end, and stays out of memory.
func NewBody(ctx context.Context, r io.Reader, size int64) (*Body, error) {
	b, ok := lying(r)
	if !ok {
		if size >= 0 {
			r = io.LimitReader(r, size+1)
		}
		var err error
		if b, err = gather(reader{ctx, r}); err != nil {
			return nil, fmt.Errorf("reading the body: %w", err)
		}
	}
	if size >= 0 && b.Size != size {
		b.Close()
		return nil, fmt.Errorf("another number of bytes came than %d: %w", size, io.ErrUnexpectedEOF)
	}
	return b, nil
}

// Close lets go of it.
func (b *Body) Close() {
	if b.close != nil {
		b.close()
	}
}

// All reads all of it.
func (b *Body) All() *io.SectionReader { return b.Part(0, b.Size) }

// Part reads size bytes of it from an offset on.
func (b *Body) Part(offset, size int64) *io.SectionReader {
	return io.NewSectionReader(b.at, b.from+offset, size)
}

// lying finds out whether a body can be read where it lies.
func lying(r io.Reader) (*Body, bool) {
	at, ok := r.(readAtSeeker)
	if !ok {
		return nil, false
	}
	from, err := at.Seek(0, io.SeekCurrent)
	if err != nil {
		return nil, false
	}
	end, err := at.Seek(0, io.SeekEnd)
	if err != nil {
		return nil, false
	}
	return &Body{at: at, from: from, Size: max(end-from, 0)}, true
}

// gather reads a body to its end, into memory while it is small, else into a file that is gone when it is closed.
func gather(r io.Reader) (*Body, error) {
	var head bytes.Buffer
	n, err := io.Copy(&head, io.LimitReader(r, inMemory))
	if err != nil {
		return nil, err
	}
	if n < inMemory {
		return &Body{at: bytes.NewReader(head.Bytes()), Size: n}, nil
	}
	f, err := os.CreateTemp("", "gomph-put-*")
	if err != nil {
		return nil, err
	}
	b := &Body{at: f, close: func() {
		_ = f.Close()
		_ = os.Remove(f.Name())
	}}
	if b.Size, err = io.Copy(f, io.MultiReader(&head, r)); err != nil {
		b.Close()
		return nil, err
	}
	return b, nil
}
