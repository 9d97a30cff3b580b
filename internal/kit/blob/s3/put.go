package s3

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/minio/minio-go/v7"
	"golang.org/x/sync/errgroup"

	"github.com/gomph/gomph/internal/kit/blob"
)

const (
	// cacheControl is what Mastodon stores files with: a name is never given to other bytes.
	cacheControl = "public, max-age=315576000, immutable"
	// small is how many bytes of a body that cannot be read twice are kept in memory; more of them go to a file.
	small = 256 << 10
	// partsAtOnce are on their way for one file.
	partsAtOnce = 4
	// abortFor bounds taking back the parts of a file that failed, after what asked for it may be over.
	abortFor = 30 * time.Second
	// abortPause is how long a server first has to notice that a connection is gone.
	abortPause = 100 * time.Millisecond
)

// Put keeps a file. Its bytes are all there, and counted, before any is sent. A body that can be read from any place (a file on disk, bytes)
// is read where it is, any other waits in TempDir, so that memory stays flat.
func (s *Store) Put(ctx context.Context, name string, body io.Reader, size int64) error {
	if !blob.ValidName(name) {
		return fmt.Errorf("storing a file: %q is no name", name)
	}
	src, err := s.gather(ctx, body, size)
	if err != nil {
		return fmt.Errorf("storing %s: %w", name, err)
	}
	defer src.close()
	if src.size <= s.o.MultipartAbove || s.o.SingleRequest {
		err = s.putWhole(ctx, name, src)
	} else {
		err = s.putParts(ctx, name, src)
	}
	if err != nil {
		may := "s3:PutObject"
		if s.o.Permission != "" {
			may += ", s3:PutObjectAcl (a bucket that takes no access lists needs S3_PERMISSION= )"
		}
		return s.failed("storing "+name, may, err)
	}
	return nil
}

// source is a body that may be read from any place, as often as needed.
type source struct {
	at    io.ReaderAt
	from  int64
	size  int64
	close func()
}

// part is some bytes of it, with their SHA-256.
func (s source) part(offset, size int64) (*io.SectionReader, string, error) {
	h := sha256.New()
	if _, err := io.Copy(h, io.NewSectionReader(s.at, s.from+offset, size)); err != nil {
		return nil, "", err
	}
	return io.NewSectionReader(s.at, s.from+offset, size), hex.EncodeToString(h.Sum(nil)), nil
}

// gather makes a source of a body, and holds it to its size.
func (s *Store) gather(ctx context.Context, body io.Reader, size int64) (source, error) {
	src, inPlace := lying(body)
	if !inPlace {
		var err error
		if src, err = s.spool(readerOf(ctx, body, size), size); err != nil {
			return source{}, err
		}
	}
	if size >= 0 && src.size != size {
		src.close()
		return source{}, fmt.Errorf("another number of bytes came than %d: %w", size, io.ErrUnexpectedEOF)
	}
	return src, nil
}

// lying finds out whether a body can be read where it lies, from where it stands on.
func lying(body io.Reader) (source, bool) {
	at, ok := body.(interface {
		io.ReaderAt
		io.Seeker
	})
	if !ok {
		return source{}, false
	}
	from, err := at.Seek(0, io.SeekCurrent)
	if err != nil {
		return source{}, false
	}
	end, err := at.Seek(0, io.SeekEnd)
	if err != nil {
		return source{}, false
	}
	return source{at: at, from: from, size: max(end-from, 0), close: func() {}}, true
}

// spool puts a body into memory, or into a file that is gone when it is closed.
func (s *Store) spool(body io.Reader, size int64) (source, error) {
	most := int64(small)
	if size >= 0 {
		most = min(most, size+1)
	}
	head := make([]byte, most)
	n, err := io.ReadFull(body, head)
	if err == io.EOF || err == io.ErrUnexpectedEOF { //nolint:errorlint // as ReadFull gives them; those of the body are told apart by readerOf
		return source{at: bytes.NewReader(head[:n]), size: int64(n), close: func() {}}, nil
	}
	if err != nil {
		return source{}, err
	}
	f, err := os.CreateTemp(s.o.TempDir, "gomph-put-*")
	if err != nil {
		return source{}, err
	}
	done := func() {
		_ = f.Close()
		_ = os.Remove(f.Name())
	}
	all, err := io.Copy(f, io.MultiReader(bytes.NewReader(head), body))
	if err != nil {
		done()
		return source{}, err
	}
	return source{at: f, size: all, close: done}, nil
}

// reader reads no further than one byte more than there should be, and stops when its context ends.
type reader struct {
	ctx context.Context
	r   io.Reader
}

func readerOf(ctx context.Context, body io.Reader, size int64) io.Reader {
	if size >= 0 {
		body = io.LimitReader(body, size+1)
	}
	return reader{ctx, body}
}

// Read reads on. An error of the body is never mistaken for its end.
func (r reader) Read(b []byte) (int, error) {
	if err := r.ctx.Err(); err != nil {
		return 0, err
	}
	n, err := r.r.Read(b)
	if err == io.ErrUnexpectedEOF { //nolint:errorlint // the very value that ReadFull would give
		err = fmt.Errorf("reading the body: %w", err)
	}
	return n, err
}

// options are how a file of a name is stored.
func (s *Store) options(name string) minio.PutObjectOptions {
	o := minio.PutObjectOptions{ContentType: blob.TypeOf(name), CacheControl: cacheControl, StorageClass: s.o.StorageClass, DisableContentSha256: true}
	if acl := s.o.Permission; acl != "" {
		if blob.Private(name) {
			acl = "private"
		}
		o.UserMetadata = map[string]string{"x-amz-acl": acl}
	}
	return o
}

func (s *Store) putWhole(ctx context.Context, name string, src source) error {
	body, sum, err := src.part(0, src.size)
	if err != nil {
		return err
	}
	_, err = s.core.PutObject(ctx, s.o.Bucket, s.key(name), body, src.size, "", sum, s.options(name))
	return err
}

// putParts sends a file in parts, which become the file at once when all are there.
func (s *Store) putParts(ctx context.Context, name string, src source) error {
	id, err := s.core.NewMultipartUpload(ctx, s.o.Bucket, s.key(name), s.options(name))
	if err != nil {
		return err
	}
	parts, err := s.sendParts(ctx, name, id, src)
	if err == nil {
		_, err = s.core.CompleteMultipartUpload(ctx, s.o.Bucket, s.key(name), id, parts, minio.PutObjectOptions{})
	}
	if err != nil {
		s.abort(context.WithoutCancel(ctx), name, id)
	}
	return err
}

// abort takes the parts of a file back. Parts that were cut off on their way may come to lie after it, so that it is asked for until the
// server knows nothing of them; those that stay all the same are the bucket's lifecycle's to remove.
func (s *Store) abort(ctx context.Context, name, id string) {
	ctx, cancel := context.WithTimeout(ctx, abortFor)
	defer cancel()
	for pause := abortPause; ; pause *= 2 {
		_ = s.core.AbortMultipartUpload(ctx, s.o.Bucket, s.key(name), id)
		select {
		case <-ctx.Done():
			return
		case <-time.After(pause):
		}
		_, err := s.core.ListObjectParts(ctx, s.o.Bucket, s.key(name), id, 0, 1)
		if code, _ := answer(err); code == minio.NoSuchUpload {
			return
		}
	}
}

func (s *Store) sendParts(ctx context.Context, name, id string, src source) ([]minio.CompletePart, error) {
	size := max(s.o.PartSize, (src.size+maxParts-1)/maxParts)
	parts := make([]minio.CompletePart, (src.size+size-1)/size)
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(partsAtOnce)
	for i := range parts {
		group.Go(func() error {
			offset := int64(i) * size
			length := min(size, src.size-offset)
			body, sum, err := src.part(offset, length)
			if err != nil {
				return err
			}
			sent, err := s.core.PutObjectPart(ctx, s.o.Bucket, s.key(name), id, i+1, body, length, minio.PutObjectPartOptions{Sha256Hex: sum, DisableContentSha256: true})
			parts[i] = minio.CompletePart{PartNumber: i + 1, ETag: sent.ETag}
			return err
		})
	}
	return parts, group.Wait()
}
