package s3

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strings"

	"github.com/minio/minio-go/v7"
)

// failed puts an error into words that say what to do. may is what the key must be allowed to. A file that is not there is errs.NotFound;
// a refusal never is, even though servers refuse so what is not there when the key may not list the bucket.
func (s *Store) failed(doing, may string, err error) error {
	if code, _ := answer(err); code == minio.NoSuchKey {
		return notFound()
	}
	if words := s.words(may, err); words != "" {
		return fmt.Errorf("%s: %s: %w", doing, words, err)
	}
	return fmt.Errorf("%s: %w", doing, err)
}

// answer is the code of an S3 server's refusal and the HTTP status; "" when err is not one.
func answer(err error) (code string, status int) {
	var refused minio.ErrorResponse
	if errors.As(err, &refused) {
		return refused.Code, refused.StatusCode
	}
	return "", 0
}

// words say what is wrong and what to do about it; "" where the error says it itself.
func (s *Store) words(may string, err error) string {
	code, status := answer(err)
	switch code {
	case minio.NoSuchBucket:
		return fmt.Sprintf("%s has no bucket %q: make it there, or name another one in S3_BUCKET", s.host, s.o.Bucket)
	case minio.InvalidAccessKeyID, "XAdminUserNotFound": // as versitygw calls it
		return fmt.Sprintf("%s does not know the key %s (AWS_ACCESS_KEY_ID)", s.host, s.o.AccessKey)
	case minio.SignatureDoesNotMatch:
		return fmt.Sprintf("AWS_SECRET_ACCESS_KEY is not the secret of the key %s, or something in between changes requests", s.o.AccessKey)
	case minio.RequestTimeTooSkewed:
		return fmt.Sprintf("the clock of this machine and the one of %s are too far apart: set this machine's by NTP", s.host)
	case minio.AuthorizationHeaderMalformed, minio.InvalidRegion, "PermanentRedirect", "IllegalLocationConstraintException":
		return fmt.Sprintf("the bucket is in another region than %q: set S3_REGION%s", s.o.Region, s.regionOf(err))
	case "AccessControlListNotSupported":
		return "the bucket takes no access lists: set S3_PERMISSION to nothing, and let a policy of the bucket make its files public"
	case minio.PreconditionFailed:
		return "the file was replaced meanwhile"
	case minio.InvalidBucketName:
		return fmt.Sprintf("%q cannot be the name of a bucket (S3_BUCKET)", s.o.Bucket)
	}
	switch {
	case code == minio.AccessDenied, code == minio.AllAccessDisabled, status == http.StatusForbidden:
		return fmt.Sprintf("%s refuses this to the key %s, which needs to be allowed %s on bucket %q", s.host, s.o.AccessKey, may, s.o.Bucket)
	case code != "":
		return ""
	}
	return s.unreachable(err)
}

func (s *Store) regionOf(err error) string {
	var refused minio.ErrorResponse
	if errors.As(err, &refused) && refused.Region != "" {
		return " to " + refused.Region
	}
	return ""
}

// unreachable says why no answer came.
func (s *Store) unreachable(err error) string {
	var (
		dns       *net.DNSError
		unknown   x509.UnknownAuthorityError
		wrongName x509.HostnameError
		noTLS     tls.RecordHeaderError
		op        *net.OpError
	)
	switch {
	case errors.Is(err, context.Canceled):
		return ""
	case errors.As(err, &dns):
		return fmt.Sprintf("there is no host %s (S3_ENDPOINT); with S3_OVERRIDE_PATH_STYLE=true the bucket's name stands before it", dns.Name)
	case errors.As(err, &unknown), errors.As(err, &wrongName):
		return fmt.Sprintf("the certificate of %s is not trusted; GOMPH_CA_FILE may name an authority of your own", s.host)
	case errors.As(err, &noTLS), strings.Contains(err.Error(), "HTTP response to HTTPS client"):
		return fmt.Sprintf("%s does not speak https: begin S3_ENDPOINT with http://", s.host)
	case isSlow(err):
		return fmt.Sprintf("%s does not answer in time (S3_OPEN_TIMEOUT, S3_READ_TIMEOUT)", s.host)
	case errors.As(err, &op) && op.Op == "dial":
		return fmt.Sprintf("%s cannot be reached (S3_ENDPOINT)", s.host)
	}
	return ""
}

// isSlow reports whether the server did not answer in time.
func isSlow(err error) bool {
	var timeout net.Error
	return errors.As(err, &timeout) && timeout.Timeout()
}

// IsAway reports whether an error says that the server gave no answer of its own, which may pass, instead of a refusal.
func IsAway(err error) bool {
	code, status := answer(err)
	var op *net.OpError
	var dns *net.DNSError
	switch {
	case code != "":
		return status >= http.StatusInternalServerError
	case errors.As(err, &dns):
		return dns.IsTemporary || dns.IsTimeout
	}
	return errors.Is(err, context.DeadlineExceeded) || isSlow(err) || errors.As(err, &op)
}

// IsDenied reports whether an error says that the key is known, and may not do this.
func IsDenied(err error) bool {
	code, _ := answer(err)
	return code == minio.AccessDenied || code == minio.AllAccessDisabled
}
