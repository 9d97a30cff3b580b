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

// texts and flags name what is stored, with Mastodon's keys of user settings.
func (p *Preferences) texts() map[string]*string {
	return map[string]*string{"default_privacy": &p.Visibility, "default_language": &p.Language, "default_quote_policy": &p.QuotePolicy, "web.display_media": &p.ExpandMedia}
}

func (p *Preferences) flags() map[string]*bool {
	return map[string]*bool{"default_sensitive": &p.Sensitive, "web.expand_content_warnings": &p.ExpandSpoilers, "web.auto_play": &p.AutoplayGIFs}
}

// stored is how preferences are kept: as JSON, without what is empty. Keys that this program does not know stay.
func (p *Preferences) stored(old string) (string, error) {
	values, err := readValues(old)
	if err != nil {
		return "", err
	}
	for key, v := range p.texts() {
		if values[key] = *v; *v == "" {
			delete(values, key)
		}
	}
	for key, v := range p.flags() {
		if values[key] = *v; !*v {
			delete(values, key)
		}
	}
	b, err := json.Marshal(values)
	return string(b), err
}

func readValues(s string) (map[string]any, error) {
	values := map[string]any{}
	if s == "" || s == "{}" {
		return values, nil
	}
	if err := json.Unmarshal([]byte(s), &values); err != nil {
		return nil, fmt.Errorf("reading preferences: %w", err)
	}
	return values, nil
}

func parsePreferences(s string) (Preferences, error) {
	values, err := readValues(s)
	if err != nil {
		return Preferences{}, err
	}
	p := Preferences{QuotePolicy: "public", ExpandMedia: "default"}
	if len(values) == 0 {
		return p, nil
	}
	for key, into := range p.texts() {
		if v, ok := values[key].(string); ok {
			*into = v
		}
	}
	for key, into := range p.flags() {
		*into, _ = values[key].(bool)
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
		kept, err := p.stored(old)
		if err != nil {
			return err
		}
		s.userChanged(tx, id)
		_, err = tx.Exec(ctx, "UPDATE users SET settings = $1, updated_at = $2 WHERE id = $3", kept, db.Ms(s.Clock.Now()), id)
		return err
	})
	if err != nil {
		return Preferences{}, fmt.Errorf("changing preferences: %w", err)
	}
	return p, nil
}
