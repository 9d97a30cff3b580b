package s3

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/minio/minio-go/v7"

	"github.com/gomph/gomph/internal/kit/blob"
)

// skipped is how many bytes are rather read past than asked for anew: they come in less time than a request takes.
const skipped = 128 << 10

// Open finds a file. Its bytes are asked for by the first Read after a Seek, from there to the end; a file that was replaced meanwhile is an
// error, never a mixture. The context must last as long as the file is read.
func (s *Store) Open(ctx context.Context, name string) (*blob.File, error) {
	info, err := s.head(ctx, name)
	if err != nil {
		return nil, err
	}
	o := &object{ctx: ctx, s: s, name: name, etag: info.ETag, size: info.Size}
	return &blob.File{ReadSeekCloser: o, Size: info.Size, ModTime: info.LastModified}, nil
}

// object is an open file. It is for one goroutine.
type object struct {
	ctx    context.Context
	s      *Store
	name   string
	etag   string
	size   int64
	at     int64 // where the next byte is read
	closed bool

	body   io.ReadCloser // nil before the first Read
	bodyAt int64         // where body stands
	cancel context.CancelFunc
}

// Read reads on. A connection that breaks is replaced by another one, Retries times.
func (o *object) Read(p []byte) (int, error) {
	if o.closed {
		return 0, errors.New("reading a closed file")
	}
	if o.at >= o.size {
		return 0, io.EOF
	}
	for tries := 0; ; tries++ {
		n, err := o.read(p)
		if n > 0 || err == nil {
			return n, nil
		}
		o.drop()
		var refused minio.ErrorResponse
		if tries >= o.s.o.Retries || o.ctx.Err() != nil || errors.As(err, &refused) {
			return 0, o.s.failed("reading "+o.name, "s3:GetObject", err)
		}
	}
}

// read reads once from the body that stands where the next byte is.
func (o *object) read(p []byte) (int, error) {
	if err := o.reach(); err != nil {
		return 0, err
	}
	n, err := o.watched(p)
	o.at += int64(n)
	o.bodyAt += int64(n)
	if err != nil {
		o.drop()
	}
	if err == io.EOF && o.at < o.size { //nolint:errorlint // as a Reader gives it
		err = io.ErrUnexpectedEOF
	}
	return n, err
}

// watched reads, for no longer than the server may be silent.
func (o *object) watched(p []byte) (int, error) {
	silent := time.AfterFunc(o.s.o.ReadTimeout, o.cancel)
	n, err := o.body.Read(p)
	if !silent.Stop() && err != nil {
		err = fmt.Errorf("no byte came for %s: %w", o.s.o.ReadTimeout, err)
	}
	return n, err
}

// reach makes the body stand where the next byte is.
func (o *object) reach() error {
	if o.body != nil && o.bodyAt != o.at {
		o.skip()
	}
	if o.body != nil {
		return nil
	}
	var opts minio.GetObjectOptions
	if o.at > 0 {
		if err := opts.SetRange(o.at, o.size-1); err != nil {
			return err
		}
	}
	if o.etag != "" {
		if err := opts.SetMatchETag(o.etag); err != nil {
			return err
		}
	}
	ctx, cancel := context.WithCancel(o.ctx)
	body, info, _, err := o.s.core.GetObject(ctx, o.s.o.Bucket, o.s.key(o.name), opts)
	if err != nil {
		cancel()
		return err
	}
	if info.Size >= 0 && info.Size != o.size-o.at {
		cancel()
		_ = body.Close()
		return fmt.Errorf("%d bytes were promised instead of %d: %w", info.Size, o.size-o.at, io.ErrUnexpectedEOF)
	}
	o.body, o.bodyAt, o.cancel = body, o.at, cancel
	return nil
}

// skip reads past some bytes, or gives the body up.
func (o *object) skip() {
	for ahead := o.at - o.bodyAt; ahead > 0 && ahead <= skipped; ahead = o.at - o.bodyAt {
		n, err := o.watched(make([]byte, ahead))
		o.bodyAt += int64(n)
		if err != nil {
			break
		}
	}
	if o.bodyAt != o.at {
		o.drop()
	}
}

func (o *object) drop() {
	if o.body != nil {
		o.cancel() // before Close, which would wait for the rest otherwise
		_ = o.body.Close()
		o.body = nil
	}
}

// Seek says where to read on. It sends nothing.
func (o *object) Seek(offset int64, whence int) (int64, error) {
	switch whence {
	case io.SeekStart:
	case io.SeekCurrent:
		offset += o.at
	case io.SeekEnd:
		offset += o.size
	default:
		return 0, fmt.Errorf("seeking in %s: %d is no place", o.name, whence)
	}
	if offset < 0 {
		return 0, fmt.Errorf("seeking in %s: before its beginning", o.name)
	}
	o.at = offset
	return offset, nil
}

// Close ends reading.
func (o *object) Close() error {
	o.closed = true
	o.drop()
	return nil
}
