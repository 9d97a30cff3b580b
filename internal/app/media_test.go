package app

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/gomph/gomph/internal/domain/accounts"
	"github.com/gomph/gomph/internal/domain/media"
	"github.com/gomph/gomph/internal/kit/blob"
	"github.com/gomph/gomph/internal/kit/db"
)

// sound enters an upload that waits: a second of silence.
func (s *server) sound(by *accounts.Account) {
	s.t.Helper()
	ctx, id := context.Background(), s.IDs.Next()
	head := "RIFF\xa4\x3e\x00\x00WAVEfmt \x10\x00\x00\x00\x01\x00\x01\x00\x40\x1f\x00\x00\x80\x3e\x00\x00\x02\x00\x10\x00data\x80\x3e\x00\x00"
	raw := blob.Name("incoming", "")
	s.must(s.files.Put(ctx, raw, strings.NewReader(head+strings.Repeat("\x00", 16_000)), -1))
	s.must(s.DB.Write(ctx, func(tx *db.Tx) error {
		if _, err := tx.Exec(ctx, "INSERT INTO media_attachments (id, account_id, kind, processing, raw, created_at, updated_at) VALUES ($1, $2, 'audio', 'queued', $3, $4, $4)",
			id, by.ID, raw, db.Ms(s.Clock.Now())); err != nil {
			return err
		}
		return s.Jobs.Emit(ctx, tx, media.Uploaded{ID: id})
	}))
}

// TestAHostThatHangsHoldsUpNoPage: requirement A5: those who look at pictures of a server that does not answer keep nobody from pages.
func TestAHostThatHangsHoldsUpNoPage(t *testing.T) {
	t.Parallel()
	s := startServer(t)
	const lookers = 400 // twice the seats
	asked, hold := make(chan struct{}, lookers), make(chan struct{})
	far := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
		asked <- struct{}{}
		<-hold
	}))
	defer far.Close()
	ctx, stop := context.WithCancel(t.Context())
	var looking sync.WaitGroup
	busy := make(chan int, lookers)
	for i := range lookers {
		at := s.Media.Addresses.Of(media.Avatars, far.URL+"/"+strings.Repeat("x", i+1), false)
		looking.Go(func() {
			req, err := http.NewRequestWithContext(ctx, http.MethodGet, at, nil)
			if err != nil {
				t.Error(err)
				return
			}
			if res, err := http.DefaultClient.Do(req); err == nil {
				busy <- res.StatusCode
				_ = res.Body.Close()
			}
		})
	}
	<-asked
	// Beyond those who may wait for one host, others are told to come back.
	if code := <-busy; code != http.StatusServiceUnavailable {
		t.Errorf("a picture that too many wait for: %d", code)
	}
	res, err := http.Get(s.Site.Base() + "/api/v1/instance")
	s.must(err)
	_ = res.Body.Close()
	if res.StatusCode != http.StatusOK {
		t.Errorf("a page meanwhile: %d", res.StatusCode)
	}
	stop()
	close(hold)
	looking.Wait()
}
