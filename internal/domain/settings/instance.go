package settings

import (
	"context"
	"errors"
	"fmt"
	"net/mail"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"time"
	"unicode/utf8"

	"github.com/gomph/gomph/internal/kit/clock"
	"github.com/gomph/gomph/internal/kit/db"
	"github.com/gomph/gomph/internal/kit/errs"
	"github.com/gomph/gomph/internal/kit/ids"
	"github.com/gomph/gomph/internal/kit/jobs"
	"github.com/gomph/gomph/internal/kit/text"
)

// How new accounts come to be; the values of registrations_mode, as Mastodon's.
const (
	RegistrationsOpen     = "open"
	RegistrationsApproved = "approved"
	RegistrationsClosed   = "none"
)

// maxAge is how long a process may show old settings after another one changed them.
const maxAge = 5 * time.Second

// Instance is what an admin may change while the server runs. The names in the table are Mastodon's.
type Instance struct {
	// Title is what the server calls itself.
	Title string
	// Description is one or two plain sentences; ExtendedDescription is the about page, text or HTML.
	Description, ExtendedDescription string
	ContactEmail, ContactUsername    string
	// RegistrationsMode is open, approved or none.
	RegistrationsMode          string
	ClosedRegistrationsMessage string
	// RequireReason asks for a reason when sign-ups wait for approval.
	RequireReason bool
	// MinAge is in years; 0 asks nobody for a date of birth.
	MinAge int
	// Terms and PrivacyPolicy are HTML or plain text; empty for none.
	Terms, PrivacyPolicy string
	StatusPageURL        string
	// AnnualReports lets people ask for a report of their year in December.
	AnnualReports bool
	// EmailSubscriptions lets people have their posts sent by mail to those who ask for it.
	EmailSubscriptions bool
	// Trends says that what is talked about is shown, TrendableByDefault that nobody has to allow it first.
	Trends, TrendableByDefault bool
	// MediaCacheDays is how long files of other servers are kept that nobody looks at, and MediaCacheGB how much room they have; 0 bounds nothing.
	MediaCacheDays, MediaCacheGB int
	// MediaProxy is keep, or pass for files of other servers that are not kept at all.
	MediaProxy string
	// Thumbnail is the stored picture that stands for the server, ThumbnailLarge the same twice as large; '' for Gomph's own.
	Thumbnail, ThumbnailLarge, ThumbnailBlurhash, ThumbnailDescription string
	// UpdatedAt is when a setting was last changed; zero when none ever was.
	UpdatedAt time.Time
}

// What becomes of files of other servers that people look at.
const (
	MediaKept   = "keep"
	MediaPassed = "pass"
)

// Open reports whether anybody may sign up, with or without approval.
func (i Instance) Open() bool { return i.RegistrationsMode != RegistrationsClosed }

// Approval reports whether sign-ups wait for a moderator.
func (i Instance) Approval() bool { return i.RegistrationsMode == RegistrationsApproved }

// Definition describes one setting, for pages and docs that list them all.
type Definition struct {
	Name, Help string
	// Kind is text, long, bool, number, choice, or picture for what is no text: see SetThumbnail.
	Kind    string
	Choices []string
}

type definition struct {
	Definition
	// in points at the field: *string, *bool or *int.
	in    func(*Instance) any
	check func(string) error
}

const (
	maxLine = 200
	// maxText bounds the long texts in bytes.
	maxText = 256 << 10
)

func definitions() []definition {
	line := func(name, help string, in func(*Instance) any, check func(string) error) definition {
		return definition{Definition{Name: name, Help: help, Kind: "text"}, in, check}
	}
	long := func(name, help string, in func(*Instance) any) definition {
		return definition{Definition{Name: name, Help: help, Kind: "long"}, in, within(maxText)}
	}
	modes := []string{RegistrationsOpen, RegistrationsApproved, RegistrationsClosed}
	proxies := []string{MediaKept, MediaPassed}
	return []definition{
		line("site_title", "What the server calls itself", func(i *Instance) any { return &i.Title }, within(maxLine)),
		line("site_short_description", "One or two plain sentences", func(i *Instance) any { return &i.Description }, within(1000)),
		long("site_extended_description", "The about page", func(i *Instance) any { return &i.ExtendedDescription }),
		line("site_contact_email", "Where people write to", func(i *Instance) any { return &i.ContactEmail }, isEmail),
		line("site_contact_username", "The local account of whoever runs the server", func(i *Instance) any { return &i.ContactUsername }, isUsername),
		{Definition{"registrations_mode", "Who may sign up", "choice", modes}, func(i *Instance) any { return &i.RegistrationsMode }, oneOf(modes)},
		long("closed_registrations_message", "What is shown while nobody may sign up", func(i *Instance) any { return &i.ClosedRegistrationsMessage }),
		{Definition{Name: "require_invite_text", Help: "Ask for a reason when sign-ups need approval", Kind: "bool"}, func(i *Instance) any { return &i.RequireReason }, isBool},
		{Definition{Name: "min_age", Help: "The least age in years; 0 asks nobody", Kind: "number"}, func(i *Instance) any { return &i.MinAge }, isAge},
		long("site_terms", "The terms of service", func(i *Instance) any { return &i.Terms }),
		long("site_privacy_policy", "The privacy policy", func(i *Instance) any { return &i.PrivacyPolicy }),
		{Definition{Name: "wrapstodon", Help: "Let people ask for a report of their year in December", Kind: "bool"}, func(i *Instance) any { return &i.AnnualReports }, isBool},
		{Definition{Name: "email_subscriptions", Help: "Let people have their posts sent by mail to those who ask for it", Kind: "bool"}, func(i *Instance) any { return &i.EmailSubscriptions }, isBool},
		line("status_page_url", "A page that tells whether the server works", func(i *Instance) any { return &i.StatusPageURL }, isURL),
		{Definition{Name: "trends", Help: "Show what is talked about", Kind: "bool"}, func(i *Instance) any { return &i.Trends }, isBool},
		{Definition{Name: "trendable_by_default", Help: "Show it before anybody looked at it", Kind: "bool"}, func(i *Instance) any { return &i.TrendableByDefault }, isBool},
		{Definition{Name: "thumbnail", Help: "The picture that stands for the server; gomph settings upload sets it", Kind: "picture"}, func(i *Instance) any { return &i.Thumbnail }, uploaded},
		{Definition{Name: "thumbnail_large", Help: "The same, twice as large", Kind: "picture"}, func(i *Instance) any { return &i.ThumbnailLarge }, uploaded},
		{Definition{Name: "thumbnail_blurhash", Help: "Its colours", Kind: "picture"}, func(i *Instance) any { return &i.ThumbnailBlurhash }, uploaded},
		line("thumbnail_description", "What it shows, for those who cannot see it", func(i *Instance) any { return &i.ThumbnailDescription }, within(1500)),
		{Definition{Name: "media_cache_retention_period", Help: "For how many days files of other servers are kept that nobody looks at; 0 is for ever", Kind: "number"}, func(i *Instance) any { return &i.MediaCacheDays }, isCount},
		{Definition{Name: "media_cache_size", Help: "How many GB files of other servers may take; what was looked at least lately goes first; 0 is any amount", Kind: "number"}, func(i *Instance) any { return &i.MediaCacheGB }, isCount},
		{Definition{"media_proxy", "Whether files of other servers are kept once somebody saw them, or only passed through", "choice", proxies}, func(i *Instance) any { return &i.MediaProxy }, oneOf(proxies)},
	}
}

// Definitions lists every setting in the order in which a page shows them.
func Definitions() []Definition {
	var out []Definition
	for _, d := range definitions() {
		out = append(out, d.Definition)
	}
	return out
}

// Deps is what the service stands on.
type Deps struct {
	DB    *db.DB
	IDs   *ids.Source
	Clock clock.Clock
	Site  Site
	// DefaultRegistrations is the mode until an admin sets one; '' is approved.
	DefaultRegistrations string
	// Jobs is needed by whoever publishes terms.
	Jobs *jobs.Jobs
}

// Service reads and writes the settings.
type Service struct {
	Deps
	mu     sync.Mutex
	cached Instance
	until  time.Time
	// generation makes a slow reader's old value not overwrite the cache after a change.
	generation int
}

// New makes the service.
func New(d Deps) *Service { return &Service{Deps: d} }

// Get gives the settings, at most a few seconds old.
func (s *Service) Get(ctx context.Context, q db.Q) (Instance, error) {
	now := s.Clock.Now()
	s.mu.Lock()
	cached, fresh, generation := s.cached, now.Before(s.until), s.generation
	s.mu.Unlock()
	if fresh {
		return cached, nil
	}
	i, err := s.Load(ctx, q)
	if err != nil {
		return Instance{}, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if generation == s.generation {
		s.cached, s.until = i, now.Add(maxAge)
	}
	return i, nil
}

func (s *Service) defaults() Instance {
	mode := s.DefaultRegistrations
	if mode == "" {
		mode = RegistrationsApproved
	}
	return Instance{Title: s.Site.LocalDomain, RegistrationsMode: mode, RequireReason: true, AnnualReports: true, Trends: true, MediaCacheDays: 30, MediaCacheGB: 20, MediaProxy: MediaKept}
}

// Load reads the settings as they are now.
func (s *Service) Load(ctx context.Context, q db.Q) (Instance, error) {
	i := s.defaults()
	rows, err := q.Query(ctx, "SELECT name, value, updated_at FROM settings")
	if err != nil {
		return i, fmt.Errorf("reading settings: %w", err)
	}
	defer rows.Close()
	values := map[string]string{}
	var latest int64
	for rows.Next() {
		var name, value string
		var at int64
		if err := rows.Scan(&name, &value, &at); err != nil {
			return i, fmt.Errorf("reading settings: %w", err)
		}
		values[name], latest = value, max(latest, at)
	}
	if err := rows.Err(); err != nil {
		return i, fmt.Errorf("reading settings: %w", err)
	}
	i.UpdatedAt = db.At(latest)
	for _, d := range definitions() {
		if v, ok := values[d.Name]; ok {
			assign(d.in(&i), v)
		}
	}
	return i, nil
}

// assign reads a stored value; it was checked when it was stored.
func assign(into any, v string) {
	switch p := into.(type) {
	case *string:
		*p = v
	case *bool:
		*p = v == "true"
	case *int:
		*p, _ = strconv.Atoi(v)
	}
}

// Set changes a setting by its name. This process sees it at once, others within seconds.
func (s *Service) Set(ctx context.Context, name, value string) error {
	for _, d := range definitions() {
		if d.Name != name {
			continue
		}
		value = strings.TrimSpace(value)
		if err := d.check(value); err != nil {
			return errs.Wrap(errs.InvalidKind, err, "Validation failed: %s %s", name, err.Error())
		}
		err := s.DB.Write(ctx, func(tx *db.Tx) error { return s.put(ctx, tx, name, value) })
		if err != nil {
			return fmt.Errorf("changing setting %s: %w", name, err)
		}
		return nil
	}
	return errs.Invalid("There is no setting named %q", text.Truncate(name, maxLine))
}

func (s *Service) put(ctx context.Context, tx *db.Tx, name, value string) error {
	_, err := tx.Exec(ctx, `INSERT INTO settings (name, value, updated_at) VALUES ($1, $2, $3)
ON CONFLICT (name) DO UPDATE SET value = excluded.value, updated_at = excluded.updated_at`, name, value, db.Ms(s.Clock.Now()))
	tx.AfterCommit(s.forget)
	return err
}

// LimitRegistrations makes sign-ups that are open wait for approval from now on. It reports false when they were not open.
func (s *Service) LimitRegistrations(ctx context.Context, tx *db.Tx) (bool, error) {
	i, err := s.Load(ctx, tx)
	if err != nil || i.RegistrationsMode != RegistrationsOpen {
		return false, err
	}
	return true, s.put(ctx, tx, "registrations_mode", RegistrationsApproved)
}

func (s *Service) forget() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.until, s.generation = time.Time{}, s.generation+1
}

func within(limit int) func(string) error {
	return func(v string) error {
		if len(v) > limit {
			return fmt.Errorf("is too long (maximum is %d bytes)", limit)
		}
		if !utf8.ValidString(v) || strings.ContainsRune(v, 0) {
			return errors.New("is not text")
		}
		return nil
	}
}

func oneOf(list []string) func(string) error {
	return func(v string) error {
		for _, s := range list {
			if s == v {
				return nil
			}
		}
		return fmt.Errorf("must be one of %s", strings.Join(list, ", "))
	}
}

func isBool(v string) error { return oneOf([]string{"true", "false"})(v) }

func isAge(v string) error {
	if n, err := strconv.Atoi(v); err != nil || n < 0 || n > 120 {
		return errors.New("must be a number of years from 0 to 120")
	}
	return nil
}

func uploaded(v string) error {
	if v != "" {
		return errors.New("is a picture: gomph settings upload sets it")
	}
	return nil
}

// A Thumbnail is a stored picture in two sizes.
type Thumbnail struct{ Name, Large, Blurhash string }

// SetThumbnail makes another picture stand for the server, and gives the one before.
func (s *Service) SetThumbnail(ctx context.Context, t Thumbnail) (before Thumbnail, err error) {
	err = s.DB.Write(ctx, func(tx *db.Tx) error {
		i, err := s.Load(ctx, tx)
		if err != nil {
			return err
		}
		before = Thumbnail{i.Thumbnail, i.ThumbnailLarge, i.ThumbnailBlurhash}
		for _, v := range [][2]string{{"thumbnail", t.Name}, {"thumbnail_large", t.Large}, {"thumbnail_blurhash", t.Blurhash}} {
			if err := s.put(ctx, tx, v[0], v[1]); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return before, fmt.Errorf("changing the thumbnail: %w", err)
	}
	return before, nil
}

// maxCount bounds numbers of days and of GB.
const maxCount = 100_000

func isCount(v string) error {
	if n, err := strconv.Atoi(v); err != nil || n < 0 || n > maxCount {
		return fmt.Errorf("must be a number from 0 to %d", maxCount)
	}
	return nil
}

func isEmail(v string) error {
	if v == "" {
		return nil
	}
	if a, err := mail.ParseAddress(v); err != nil || a.Address != v {
		return errors.New("is not an e-mail address")
	}
	return within(maxLine)(v)
}

func isUsername(v string) error {
	if v != "" && !text.ValidUsername(v) {
		return errors.New("is not a user name")
	}
	return nil
}

func isURL(v string) error {
	if v == "" {
		return nil
	}
	u, err := url.Parse(v)
	if err != nil || (u.Scheme != "https" && u.Scheme != "http") || u.Host == "" {
		return errors.New("is not an address of a page")
	}
	return within(2000)(v)
}

// Value is a setting's value as text, by its name; empty for a name that is none.
func (i Instance) Value(name string) string {
	for _, d := range definitions() {
		if d.Name != name {
			continue
		}
		switch v := d.in(&i).(type) {
		case *string:
			return *v
		case *bool:
			return strconv.FormatBool(*v)
		case *int:
			return strconv.Itoa(*v)
		}
	}
	return ""
}
