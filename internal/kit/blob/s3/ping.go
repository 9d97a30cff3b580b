package s3

import (
	"context"

	"github.com/minio/minio-go/v7"
)

// Ping asks for the first name in the bucket, and says what is wrong, and what to do about it, when that does not work: no such host or
// bucket, a key that is refused or may not list, another region, a wrong clock.
func (s *Store) Ping(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	noOwner := false
	for found := range s.core.ListObjectsIter(ctx, s.o.Bucket, minio.ListObjectsOptions{Prefix: s.o.Prefix, Recursive: true, MaxKeys: 1, FetchOwner: &noOwner}) {
		if found.Err != nil {
			return s.failed("asking for the bucket of files", "s3:ListBucket", found.Err)
		}
		break
	}
	return ctx.Err()
}
