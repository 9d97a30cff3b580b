package s3

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/minio/minio-go/v7"
)

// Address is where the bucket is, without credentials and with a slash at its end. A key may follow, or a question.
func (s *Store) Address(ctx context.Context) (string, error) {
	const name = "x"
	signed, err := s.Presign(ctx, name, time.Minute)
	if err != nil {
		return "", err
	}
	plain, _, _ := strings.Cut(signed, "?")
	return strings.TrimSuffix(plain, s.key(name)), nil
}

// Server is the server's address, with a slash at its end.
func (s *Store) Server() string {
	return s.core.EndpointURL().Scheme + "://" + s.core.EndpointURL().Host + "/"
}

// Prefix stands before every key: "" or a folder with a slash at its end.
func (s *Store) Prefix() string { return s.o.Prefix }

// OtherBuckets names the buckets that the key is shown beside its own; refused says that it may not ask, as it should be.
func (s *Store) OtherBuckets(ctx context.Context) (names []string, refused bool, err error) {
	list, err := s.core.ListBuckets(ctx)
	if isRefusal(err) {
		return nil, true, nil
	}
	if err != nil {
		return nil, false, s.failed("asking for buckets", "nothing", err)
	}
	for _, b := range list {
		if b.Name != s.o.Bucket {
			names = append(names, b.Name)
		}
	}
	return names, false, nil
}

// ReadsBucket reports whether the key may list or read in another bucket. It reads nothing there but a name and the beginning of a file.
func (s *Store) ReadsBucket(ctx context.Context, bucket string) (bool, error) {
	list, err := s.core.ListObjectsV2(bucket, "", "", "", "", 1)
	if err == nil {
		return true, nil
	}
	key := "gomph-probe" // most probably not there: 404 tells whoever may list, 403 everybody else
	if len(list.Contents) > 0 {
		key = list.Contents[0].Key
	}
	_, err = s.core.StatObject(ctx, bucket, key, minio.StatObjectOptions{})
	if code, _ := answer(err); err == nil || code == minio.NoSuchKey {
		return true, nil
	}
	if isRefusal(err) {
		return false, nil
	}
	if code, _ := answer(err); code == minio.NoSuchBucket {
		return false, fmt.Errorf("there is no bucket %s", bucket)
	}
	return false, s.failed("asking for the bucket "+bucket, "nothing", err)
}

func isRefusal(err error) bool {
	code, status := answer(err)
	return code == minio.AccessDenied || code == minio.AllAccessDisabled || status == http.StatusForbidden || status == http.StatusUnauthorized
}
