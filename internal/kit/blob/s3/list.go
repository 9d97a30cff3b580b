package s3

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/minio/minio-go/v7"

	"github.com/gomph/gomph/internal/kit/blob"
)

const (
	// page is how many names a list has, and batch how many files are deleted at once: the most that S3 allows for either.
	page  = 1000
	batch = 1000
)

// Walk tells of files. Those whose names we never make are left out. A server that does not list by the names' bytes is an error, since
// whoever goes on from the last name would miss some.
func (s *Store) Walk(ctx context.Context, prefix, after string, each func(blob.Info) error) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	noOwner := false
	list := minio.ListObjectsOptions{Prefix: s.key(prefix), Recursive: true, MaxKeys: page, FetchOwner: &noOwner}
	if after != "" {
		list.StartAfter = s.key(after)
	}
	last := ""
	for found := range s.core.ListObjectsIter(ctx, s.o.Bucket, list) {
		if found.Err != nil {
			return s.failed("listing "+prefix, "s3:ListBucket", found.Err)
		}
		name, ours := strings.CutPrefix(found.Key, s.o.Prefix)
		if !ours || !blob.ValidName(name) || name <= after {
			continue
		}
		if name <= last {
			return fmt.Errorf("listing %s: %s lists %s after %s, which is not the order of their bytes", prefix, s.host, name, last)
		}
		last = name
		if err := each(blob.Info{Name: name, Size: found.Size, ModTime: found.LastModified}); err != nil {
			return err
		}
	}
	return ctx.Err()
}

// Delete removes files, a thousand at a time, fewer where the server is not done with so many in time, or one by one where it cannot do better. In a
// bucket that keeps versions, older ones stay.
func (s *Store) Delete(ctx context.Context, names ...string) error {
	keys := make([]string, 0, len(names))
	for _, name := range names {
		if blob.ValidName(name) {
			keys = append(keys, s.key(name))
		}
	}
	for len(keys) > 0 {
		n := min(len(keys), int(s.fits.Load()))
		err := s.deleteMany(ctx, keys[:n])
		if isSlow(err) && n > fewest && ctx.Err() == nil {
			s.fits.Store(int64(n / 2)) // and these once more: those that are gone by now are no trouble
			continue
		}
		if errors.Is(err, errNoBatches) {
			err = s.deleteEach(ctx, keys[:n])
		}
		if err != nil {
			return s.failed("deleting files", "s3:DeleteObject", err)
		}
		keys = keys[n:]
	}
	return ctx.Err()
}

// fewest is how many files any server should be able to delete in one request in time.
const fewest = 10

// errNoBatches means that the server deletes only one by one.
var errNoBatches = errors.New("the server does not delete many files at once")

// noBatches are the answers of servers that do not know the request.
var noBatches = []string{minio.NotImplemented, minio.MalformedXML, minio.MethodNotAllowed, minio.MalformedPOSTRequest, "UnsupportedOperation"}

func (s *Store) deleteMany(ctx context.Context, keys []string) error {
	if len(keys) == 1 {
		return s.deleteEach(ctx, keys)
	}
	results, err := s.core.RemoveObjectsWithIter(ctx, s.o.Bucket, func(yield func(minio.ObjectInfo) bool) {
		for _, key := range keys {
			if !yield(minio.ObjectInfo{Key: key}) {
				return
			}
		}
	}, minio.RemoveObjectsOptions{})
	if err != nil {
		return err
	}
	var first error
	for result := range results {
		code, _ := answer(result.Err)
		switch {
		case result.Err == nil, code == minio.NoSuchKey, first != nil:
		case slices.Contains(noBatches, code):
			first = errNoBatches
		default:
			first = fmt.Errorf("%s: %w", result.ObjectName, result.Err)
		}
	}
	return first
}

func (s *Store) deleteEach(ctx context.Context, keys []string) error {
	for _, key := range keys {
		err := s.core.RemoveObject(ctx, s.o.Bucket, key, minio.RemoveObjectOptions{})
		if code, _ := answer(err); err != nil && code != minio.NoSuchKey {
			return fmt.Errorf("%s: %w", key, err)
		}
	}
	return nil
}
