package s3

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"time"

	"github.com/minio/minio-go/v7"
	"golang.org/x/sync/errgroup"

	"github.com/gomph/gomph/internal/kit/blob"
)

const (
	// cacheControl is what Mastodon stores files with: a name is never given to other bytes.
	cacheControl = "public, max-age=315576000, immutable"
	// partsAtOnce are on their way for one file.
	partsAtOnce = 4
	// abortFor bounds taking back the parts of a file that failed, after what asked for it may be over.
	abortFor = 30 * time.Second
	// abortPause is how long a server first has to notice that a connection is gone.
	abortPause = 100 * time.Millisecond
)

// Put keeps a file. Its bytes are all there, and counted, before any is sent. A body that can be read from any place (a file on disk, bytes)
// is read where it is, any other waits in a file, so that memory stays flat.
func (s *Store) Put(ctx context.Context, name string, body io.Reader, size int64) error {
	if !blob.ValidName(name) {
		return fmt.Errorf("storing a file: %q is no name", name)
	}
	src, err := blob.NewBody(ctx, body, size)
	if err != nil {
		return fmt.Errorf("storing %s: %w", name, err)
	}
	defer src.Close()
	if src.Size <= s.o.MultipartAbove || s.o.SingleRequest {
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

// part is some bytes of a body, with their SHA-256.
func part(body *blob.Body, offset, size int64) (*io.SectionReader, string, error) {
	h := sha256.New()
	if _, err := io.Copy(h, body.Part(offset, size)); err != nil {
		return nil, "", err
	}
	return body.Part(offset, size), hex.EncodeToString(h.Sum(nil)), nil
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

func (s *Store) putWhole(ctx context.Context, name string, src *blob.Body) error {
	body, sum, err := part(src, 0, src.Size)
	if err != nil {
		return err
	}
	_, err = s.core.PutObject(ctx, s.o.Bucket, s.key(name), body, src.Size, "", sum, s.options(name))
	return err
}

// putParts sends a file in parts, which become the file at once when all are there.
func (s *Store) putParts(ctx context.Context, name string, src *blob.Body) error {
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

func (s *Store) sendParts(ctx context.Context, name, id string, src *blob.Body) ([]minio.CompletePart, error) {
	size := max(s.o.PartSize, (src.Size+maxParts-1)/maxParts)
	parts := make([]minio.CompletePart, (src.Size+size-1)/size)
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(partsAtOnce)
	for i := range parts {
		group.Go(func() error {
			offset := int64(i) * size
			length := min(size, src.Size-offset)
			body, sum, err := part(src, offset, length)
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
