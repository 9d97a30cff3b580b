package access

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/gomph/gomph/internal/kit/db"
	"github.com/gomph/gomph/internal/kit/errs"
	"github.com/gomph/gomph/internal/kit/text"
)

// Preferences are a person's defaults. Empty texts mean the server's default.
type Preferences struct {
	// Visibility is public, unlisted or private; '' follows whether the account is locked.
	Visibility string
	Sensitive  bool
	// Language is a code of posts; '' for the one of the client.
	Language string
	// QuotePolicy is public, followers or nobody.
	QuotePolicy string
	// ExpandMedia is default, show_all or hide_all.
	ExpandMedia    string
	ExpandSpoilers bool
	AutoplayGIFs   bool
}

// DefaultVisibility is what a post has that names none.
func (p Preferences) DefaultVisibility(locked bool) string {
	switch {
	case p.Visibility != "":
		return p.Visibility
	case locked:
		return "private"
	}
	return "public"
}

// stored is how preferences are kept, with Mastodon's keys of user settings.
type stored struct {
	Visibility     string `json:"default_privacy,omitempty"`
	Sensitive      bool   `json:"default_sensitive,omitempty"`
	Language       string `json:"default_language,omitempty"`
	QuotePolicy    string `json:"default_quote_policy,omitempty"`
	ExpandMedia    string `json:"web.display_media,omitempty"`
	ExpandSpoilers bool   `json:"web.expand_content_warnings,omitempty"`
	AutoplayGIFs   bool   `json:"web.auto_play,omitempty"`
}

func parsePreferences(s string) (Preferences, error) {
	var x stored
	if s == "" || s == "{}" {
		return Preferences{QuotePolicy: "public", ExpandMedia: "default"}, nil
	}
	if err := json.Unmarshal([]byte(s), &x); err != nil {
		return Preferences{}, fmt.Errorf("reading preferences: %w", err)
	}
	p := Preferences(x)
	if p.QuotePolicy == "" {
		p.QuotePolicy = "public"
	}
	if p.ExpandMedia == "" {
		p.ExpandMedia = "default"
	}
	return p, nil
}

func (p Preferences) check() error {
	for _, f := range []struct {
		name, value string
		allowed     []string
	}{
		{"Default privacy", p.Visibility, []string{"", "public", "unlisted", "private", "direct"}},
		{"Default quote policy", p.QuotePolicy, []string{"", "public", "followers", "nobody"}},
		{"Display media", p.ExpandMedia, []string{"", "default", "show_all", "hide_all"}},
	} {
		ok := false
		for _, a := range f.allowed {
			ok = ok || a == f.value
		}
		if !ok {
			return errs.Invalid("Validation failed: %s is not included in the list", f.name)
		}
	}
	if p.Language != "" && !text.ValidLanguage(p.Language) {
		return errs.Invalid("Validation failed: Default language is not included in the list")
	}
	return nil
}

// ChangePreferences changes a person's preferences by a function, which may be called more than once.
func (s *Service) ChangePreferences(ctx context.Context, id UserID, change func(*Preferences)) (Preferences, error) {
	var p Preferences
	err := s.DB.Write(ctx, func(tx *db.Tx) error {
		old, err := db.Value[string](ctx, tx, "SELECT settings FROM users WHERE id = $1"+tx.ForUpdate(), id)
		if err != nil {
			return err
		}
		if p, err = parsePreferences(old); err != nil {
			return err
		}
		change(&p)
		if err := p.check(); err != nil {
			return err
		}
		b, err := json.Marshal(stored(p))
		if err != nil {
			return err
		}
		s.userChanged(tx, id)
		_, err = tx.Exec(ctx, "UPDATE users SET settings = $1, updated_at = $2 WHERE id = $3", string(b), db.Ms(s.Clock.Now()), id)
		return err
	})
	if err != nil {
		return Preferences{}, fmt.Errorf("changing preferences: %w", err)
	}
	return p, nil
}
