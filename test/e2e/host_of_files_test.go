package e2e

import (
	"bytes"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/gomph/gomph/internal/testkit/draw"
)

// TestFilesGetAnotherHost: requirement F16. Files get a host of their own while the server runs: announced first, refused before its time, and changed to
// by force; addresses that are known already go on working, in every process.
func TestFilesGetAnotherHost(t *testing.T) {
	t.Parallel()
	Each(t, func(t *testing.T, s *Server) {
		ann := s.Person("ann")
		host := strings.Replace(s.Domain, "127.0.0.1", "localhost", 1)
		upload := func(n int) string { return *ann.upload(draw.PNG(draw.Noise(48, 32, n)), nil).URL }
		old := upload(1)
		shown := func(host string) error {
			if csp := s.Do(http.MethodGet, "/@ann", "", nil).Header.Get("Content-Security-Policy"); strings.Count(csp, " http://"+host) != 2 {
				return fmt.Errorf("pages may show files from: %s", csp)
			}
			return nil
		}
		if shown(host) == nil {
			t.Fatal("pages may show files from anywhere")
		}
		if said := s.Command("media", "switch", host); !strings.Contains(said, "Run this again on ") {
			t.Errorf("announced: %s", said)
		}
		Eventually(t, "the host is announced", func() error { return shown(host) })
		if _, says, err := s.Run("media", "switch", host); err == nil || !strings.Contains(says, "less than a week") {
			t.Errorf("it did not wait: %v, %s", err, says)
		}
		for bad, why := range map[string]string{"nobody.invalid": "Nothing was changed", "ftp://" + host: "not by ftp", "x y": "must be a host", host + "?a=b": "must be a host", host + "/elsewhere": "Nothing was changed"} {
			if _, says, err := s.Run("media", "switch", "--force", bad); err == nil || !strings.Contains(says, why) {
				t.Errorf("changed to %s: %v, %s", bad, err, says)
			}
		}
		if now := upload(2); !strings.HasPrefix(now, "http://"+s.Domain+"/system/") {
			t.Errorf("it changed before: %s", now)
		}
		if said := s.Command("media", "switch", "--force", host); !strings.Contains(said, "http://"+host+"/") {
			t.Errorf("changed: %s", said)
		}
		served := func(address string) error {
			got, err := ask(http.MethodGet, address, "", nil)
			if err == nil && (got.Status != http.StatusOK || !bytes.HasPrefix(got.Body, []byte("\x89PNG"))) {
				err = fmt.Errorf("%s answers %d", address, got.Status)
			}
			return err
		}
		Eventually(t, "addresses are others", func() error {
			if now := upload(3); !strings.HasPrefix(now, "http://"+host+"/media_attachments/") {
				return fmt.Errorf("an upload is at %s", now)
			}
			return nil
		})
		s.Restart()
		again := upload(4)
		if err := errors.Join(served(again), served(old), served(strings.Replace(old, s.Domain+"/system", host, 1)), shown(host)); err != nil || !strings.HasPrefix(again, "http://"+host) {
			t.Errorf("after a restart: %s, %v", again, err)
		}
		if said := s.Command("doctor", "--only", "F12,F16"); !strings.Contains(said, "addresses of files begin with http://"+host) || !strings.Contains(said, "not announced a week before") {
			t.Errorf("the doctor says: %s", said)
		}
		s.Command("media", "probe")
		if page, err := ask(http.MethodGet, "http://"+host+"/@ann", "", nil); err != nil || page.Status != http.StatusNotFound {
			t.Errorf("pages are there too: %d, %v", page.Status, err)
		}
		if said := s.Command("media", "switch"); !strings.Contains(said, "http://"+host+"/\n") || !strings.Contains(said, "http://"+s.Domain) {
			t.Errorf("the hosts are: %s", said)
		}
		s.Command("media", "switch", s.Domain) // the host of the pages was always allowed
		Eventually(t, "addresses are the first ones again", func() error {
			if now := upload(5); !strings.HasPrefix(now, "http://"+s.Domain+"/system/") {
				return fmt.Errorf("an upload is at %s", now)
			}
			return nil
		})
		if err := errors.Join(served(again), served(old)); err != nil {
			t.Error(err)
		}
		if s.Command("media", "switch", "--cancel", host); shown(host) != nil { // used a moment ago
			t.Error("pages do not show what was there a moment ago")
		}
	})
}
