package s3test_test

import (
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/minio/minio-go/v7"

	"github.com/gomph/gomph/internal/kit/blob/s3"
	"github.com/gomph/gomph/internal/testkit/s3test"
)

func TestEach(t *testing.T) {
	t.Parallel()
	s3test.Each(t, func(t *testing.T, server s3test.Server) {
		other := server.Bucket(t)
		if other.Bucket == server.Options.Bucket {
			t.Fatalf("%s twice", other.Bucket)
		}
		for _, o := range []s3.Options{server.Options, other} {
			s := s3test.Open(t, o)
			if err := s.Put(t.Context(), "x.txt", strings.NewReader(o.Bucket), -1); err != nil {
				t.Fatal(err)
			}
		}
		if server.Policies {
			server.Policy(t, other.Bucket, `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":"*","Action":["s3:GetObject"],"Resource":["arn:aws:s3:::`+other.Bucket+`/*"]}]}`)
			if status, body := get(t, server.Endpoint+"/"+other.Bucket+"/x.txt"); status != 200 || body != other.Bucket {
				t.Errorf("with a policy: %d, %s", status, body)
			}
		}
		if status, _ := get(t, server.Endpoint+"/"+server.Options.Bucket+"/x.txt"); status != 403 {
			t.Errorf("without a policy: %d", status)
		}
		if _, err := server.Admin.StatObject(t.Context(), other.Bucket, "x.txt", minio.StatObjectOptions{}); err != nil {
			t.Error(err)
		}
	})
}

func get(t *testing.T, address string) (int, string) {
	t.Helper()
	res, err := http.Get(address) //nolint:gosec // on loopback
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	b, _ := io.ReadAll(res.Body)
	return res.StatusCode, string(b)
}
