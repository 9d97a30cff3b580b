package media

import (
	"context"
	"crypto/hmac"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"golang.org/x/sync/singleflight"

	"github.com/gomph/gomph/internal/domain/instances"
	"github.com/gomph/gomph/internal/kit/db"
	"github.com/gomph/gomph/internal/kit/errs"
	"github.com/gomph/gomph/internal/kit/fetch"
	"github.com/gomph/gomph/internal/kit/fetch/weburl"
	"github.com/gomph/gomph/internal/kit/picture"
)

const (
	// fetchTime is how long fetching a file and working on it may take.
	fetchTime = 90 * time.Second
	// fetchLease keeps other processes from asking for the same file; one that died is not waited for longer.
	fetchLease = 2 * time.Minute
	// fetchesAtOnce bounds how many files one process fetches at the same time, and fetchesOfHost how many of one host: a twentieth, so that a
	// host that does not answer holds up nobody else (requirement A5).
	fetchesAtOnce = 128
	fetchesOfHost = fetchesAtOnce / 20
	// waitOfHost bounds how many files of one host are fetched or waited for: those who look hold a connection meanwhile.
	waitOfHost = 200
	// firstRetry and lastRetry are how long a file that could not be had is not asked for again: twice as long each time.
	firstRetry = 5 * time.Minute
	lastRetry  = 24 * time.Hour
	// touchEvery is how exactly it is known when a file was last looked at.
	touchEvery = 12 * time.Hour
	// forgetAtOnce bounds how many files one step of forgetting takes.
	forgetAtOnce = 500
)

// States of a file of another server.
const (
	fetching = "fetching"
	kept     = "kept"
	failed   = "failed"
)

// flights are the files being fetched now: whoever asks for the same one waits for it, so that one request goes out (requirement F11).
type flights struct {
	group singleflight.Group
	slots chan struct{}

	mu    sync.Mutex
	hosts map[string]*lane
}

// lane is the places of one host, and how many hold or await one.
type lane struct {
	places chan struct{}
	users  int
}

// enter waits for a place of a host, then for one of all; leave gives both back. Where too many wait already it is ErrBusy.
func (f *flights) enter(ctx context.Context, host string) (leave func(), err error) {
	f.mu.Lock()
	l := f.hosts[host]
	if l == nil {
		l = &lane{places: make(chan struct{}, fetchesOfHost)}
		f.hosts[host] = l
	}
	if l.users >= waitOfHost {
		f.mu.Unlock()
		return nil, ErrBusy
	}
	l.users++
	f.mu.Unlock()
	done := func() {
		f.mu.Lock()
		defer f.mu.Unlock()
		if l.users--; l.users == 0 {
			delete(f.hosts, host)
		}
	}
	for i, place := range []chan struct{}{l.places, f.slots} {
		select {
		case place <- struct{}{}:
		case <-ctx.Done():
			if i == 1 {
				<-l.places
			}
			done()
			return nil, ctx.Err()
		}
	}
	return func() {
		<-f.slots
		<-l.places
		done()
	}, nil
}

// Kept is a file of another server that was fetched.
type Kept struct {
	Ref
	// File is the stored file's name; Small that of the smaller or still rendition, File where it is its own, '' where there is none.
	File, Small string
	Meta        KeptMeta

	state    string
	until    time.Time
	attempts int
	usedAt   time.Time
	size     int64
}

// KeptMeta is what was found out of a fetched file.
type KeptMeta struct {
	Original, Small *Size
	Blurhash        string
}

// Name is the stored file of a rendition; errs.NotFound when there is none.
func (k Kept) Name(rendition string) (string, error) {
	name := k.File
	if rendition != Original {
		name = k.Small
	}
	if name == "" {
		return "", errs.NotFound()
	}
	return name, nil
}

// ErrBusy says that too many files of a host are waited for.
var ErrBusy = errors.New("too many files of this host are waited for")

// ErrNoPicture says that an address has something else than a picture.
var ErrNoPicture = errors.New("there is no picture at this address")

// AttachmentRef finds an attachment of another server by its address here; errs.NotFound when it is gone, errs.Forbidden when the address was not made here.
func (s *Service) AttachmentRef(ctx context.Context, id int64, key string) (Ref, error) {
	ref := Ref{Kind: Attachments, ID: id}
	err := s.DB.QueryRow(ctx, "SELECT remote_url, thumbnail_remote_url FROM media_attachments WHERE id = $1 AND remote_url <> ''", id).Scan(&ref.URL, &ref.Thumbnail)
	if err != nil {
		return ref, err
	}
	if ref.key = s.Addresses.key(Attachments, id, ref.URL); !hmac.Equal([]byte(ref.key), []byte(key)) {
		return ref, errMadeElsewhere()
	}
	return ref, nil
}

func (s *Service) remote(ctx context.Context, ref Ref) (Kept, error) {
	k := Kept{Ref: ref}
	var until, used int64
	var meta string
	err := s.DB.QueryRow(ctx, "SELECT state, until, attempts, file, small, meta, used_at FROM remote_files WHERE key = $1", ref.key).
		Scan(&k.state, &until, &k.attempts, &k.File, &k.Small, &meta, &used)
	if err != nil {
		return k, err
	}
	k.until, k.usedAt = db.At(until), db.At(used)
	return k, json.Unmarshal([]byte(meta), &k.Meta)
}

// Keep gives a file of another server, which is fetched if it is not here. One that cannot be had is errs.NotFound, for some minutes without
// asking again; what is no picture where one must be is ErrNoPicture.
func (s *Service) Keep(ctx context.Context, ref Ref) (Kept, error) {
	k, known, err := s.settled(ctx, ref)
	switch {
	case err != nil:
		return k, err
	case known:
		return k, s.touch(ctx, k)
	}
	return s.fetchOnce(ctx, ref)
}

// settled looks up a file that is kept; one that could not be had a moment ago is errs.NotFound. Known is false when it is to be fetched.
func (s *Service) settled(ctx context.Context, ref Ref) (k Kept, known bool, err error) {
	k, err = s.remote(ctx, ref)
	switch {
	case errs.IsNotFound(err):
		return k, false, nil
	case err != nil:
		return k, false, fmt.Errorf("looking for a file of another server: %w", err)
	case k.state == failed && s.Clock.Now().Before(k.until):
		return k, false, errs.NotFound()
	}
	return k, k.state == kept, nil
}

// Again fetches a file whose stored bytes are gone.
func (s *Service) Again(ctx context.Context, ref Ref) (Kept, error) {
	if err := s.DB.Write(ctx, func(tx *db.Tx) error {
		return tx.Do(ctx, "forgetting a lost file", "UPDATE remote_files SET state = $1, until = 0 WHERE key = $2 AND state = $3", failed, ref.key, kept)
	}); err != nil {
		return Kept{}, err
	}
	return s.fetchOnce(ctx, ref)
}

// touch notes that a file was looked at.
func (s *Service) touch(ctx context.Context, k Kept) error {
	now := s.Clock.Now()
	if now.Sub(k.usedAt) < touchEvery {
		return nil
	}
	return s.DB.Write(ctx, func(tx *db.Tx) error {
		return tx.Do(ctx, "noting that a file was looked at", "UPDATE remote_files SET used_at = $1 WHERE key = $2", db.Ms(now), k.key)
	})
}

// fetchOnce fetches a file together with whoever else wants it, here and in other processes.
func (s *Service) fetchOnce(ctx context.Context, ref Ref) (Kept, error) {
	done := s.flights.group.DoChan(ref.key, func() (any, error) {
		// It is fetched for all who wait, so that it does not end with the one who came first.
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), fetchTime)
		defer cancel()
		return s.claim(ctx, ref)
	})
	select {
	case <-ctx.Done():
		return Kept{}, ctx.Err()
	case r := <-done:
		k, _ := r.Val.(Kept)
		return k, r.Err
	}
}

// claim fetches a file unless another process does; then it waits for that.
func (s *Service) claim(ctx context.Context, ref Ref) (Kept, error) {
	for {
		k, known, err := s.settled(ctx, ref)
		if known || err != nil {
			return k, err
		}
		now := s.Clock.Now()
		mine := false
		err = s.DB.Write(ctx, func(tx *db.Tx) error {
			n, err := tx.Exec(ctx, `INSERT INTO remote_files (key, kind, attachment_id, url, host, state, until, used_at, created_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $8)
ON CONFLICT (key) DO UPDATE SET state = excluded.state, until = excluded.until WHERE remote_files.state <> $9 AND remote_files.until <= $8`,
				ref.key, ref.Kind, ref.ID, ref.URL, hostname(ref.URL), fetching, db.Ms(now.Add(fetchLease)), db.Ms(now), kept)
			mine = n == 1
			return err
		})
		switch {
		case err != nil:
			return k, fmt.Errorf("claiming a file of another server: %w", err)
		case mine:
			return s.bring(ctx, ref, k.attempts)
		}
		select {
		case <-ctx.Done():
			return k, ctx.Err()
		case <-time.After(waitStep):
		}
	}
}

// bring fetches a file, keeps it, and writes down what came of it.
func (s *Service) bring(ctx context.Context, ref Ref, attempts int) (Kept, error) {
	k, err := s.fetchInto(ctx, ref)
	now := s.Clock.Now()
	if err == nil {
		k.state = kept
		if err = s.note(ctx, k, now); err == nil {
			return k, nil
		}
		return k, errors.Join(err, s.Files.Delete(ctx, k.names()...))
	}
	if lost := s.Files.Delete(context.WithoutCancel(ctx), k.names()...); lost != nil {
		s.Log.Warn("files of nobody are left", "error", lost)
	}
	wait := min(firstRetry<<min(attempts, 10), lastRetry)
	if !fetch.IsTemporary(err) {
		wait = lastRetry
	}
	switch {
	case errors.Is(err, ErrBusy):
		wait = 0
	case errors.Is(err, fetch.ErrResting), ctx.Err() != nil:
		wait = time.Minute // nobody asked the host, or we had no time
	}
	s.Log.Debug("a file of another server cannot be had", "host", weburl.Host(ref.URL), "error", err)
	noted := s.DB.Write(context.WithoutCancel(ctx), func(tx *db.Tx) error {
		return tx.Do(ctx, "noting that a file cannot be had", "UPDATE remote_files SET state = $1, until = $2, attempts = attempts + 1 WHERE key = $3 AND state = $4",
			failed, db.Ms(now.Add(wait)), ref.key, fetching)
	})
	if errors.Is(err, ErrBusy) {
		return k, errors.Join(err, noted)
	}
	if errors.Is(err, picture.ErrFormat) {
		err = errors.Join(ErrNoPicture, err)
	}
	return k, errors.Join(errs.Wrap(errs.NotFoundKind, err, "The page you are looking for isn't here."), noted)
}

// names are those of the stored files.
func (k Kept) names() []string {
	list := slices.Compact([]string{k.File, k.Small})
	return slices.DeleteFunc(list, func(name string) bool { return name == "" })
}

// note writes down a file that is kept, and what was found out of an attachment that came without.
func (s *Service) note(ctx context.Context, k Kept, now time.Time) error {
	meta, err := json.Marshal(k.Meta)
	if err != nil {
		return err
	}
	return s.DB.Write(ctx, func(tx *db.Tx) error {
		n, err := tx.Exec(ctx, `UPDATE remote_files SET state = $1, until = 0, attempts = 0, file = $2, small = $3, meta = $4, size = $5, used_at = $6 WHERE key = $7 AND state = $8`,
			kept, k.File, k.Small, string(meta), k.size, db.Ms(now), k.key, fetching)
		if err != nil || n == 0 {
			return errors.Join(err, errGone(n))
		}
		if k.ID == 0 || k.Meta.Blurhash == "" {
			return nil
		}
		return s.completeAttachment(ctx, tx, k)
	})
}

func errGone(n int64) error {
	if n == 0 {
		return errs.NotFound() // forgotten meanwhile, with its server or its post
	}
	return nil
}

// completeAttachment fills in what another server did not say of its attachment.
func (s *Service) completeAttachment(ctx context.Context, tx *db.Tx, k Kept) error {
	a, err := scan(tx.QueryRow(ctx, "SELECT "+columns+" FROM media_attachments m WHERE m.id = $1"+tx.ForUpdate(), k.ID))
	if err != nil || a.Blurhash != "" && a.Meta.Original != nil && a.Meta.Small != nil {
		return err
	}
	if a.Blurhash == "" {
		a.Blurhash = k.Meta.Blurhash
	}
	if a.Meta.Original == nil {
		a.Meta.Original = k.Meta.Original
	}
	a.Meta.Small = k.Meta.Small
	meta, err := json.Marshal(a.Meta)
	if err != nil {
		return err
	}
	return tx.Do(ctx, "completing an attachment", "UPDATE media_attachments SET blurhash = $1, meta = $2 WHERE id = $3", a.Blurhash, string(meta), a.ID)
}

// hostname is an address's host without its port, as decisions about servers go by it.
func hostname(address string) string {
	u, err := weburl.Parse(address)
	if err != nil {
		return ""
	}
	return u.Hostname()
}

// refused reports whether nothing of a host is shown here.
func (s *Service) refused(ctx context.Context, url string) (bool, error) {
	host := weburl.Host(url)
	rules, err := s.Instances.Rules(ctx, s.DB, host)
	if err != nil {
		return false, err
	}
	rule := rules.Of(host)
	return rule.RejectMedia || rule.Severity == instances.Suspend || s.Site.IsLocalURI(url), nil
}
