package settings

import (
	"context"
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/gomph/gomph/internal/kit/db"
	"github.com/gomph/gomph/internal/kit/errs"
	"github.com/gomph/gomph/internal/kit/text"
)

// Limits of the rules, in characters as Mastodon's; a server has few rules.
const (
	maxRule  = 300
	maxHint  = 2000
	maxRules = 100
)

// Rule is one rule that people here agree to; Hint explains it.
type Rule struct {
	ID         int64
	Text, Hint string
	// Translations are by language code.
	Translations map[string]RuleText
}

// RuleText is a rule in another language.
type RuleText struct{ Text, Hint string }

// Rules lists the rules in their order.
func (s *Service) Rules(ctx context.Context, q db.Q) ([]Rule, error) {
	out, err := db.All(ctx, q, func(r db.Row) (Rule, error) {
		var x Rule
		err := r.Scan(&x.ID, &x.Text, &x.Hint)
		return x, err
	}, "SELECT id, text, hint FROM rules ORDER BY position, id")
	if err != nil {
		return nil, fmt.Errorf("reading rules: %w", err)
	}
	type row struct {
		id       int64
		language string
		RuleText
	}
	other, err := db.All(ctx, q, func(r db.Row) (v row, err error) { return v, r.Scan(&v.id, &v.language, &v.Text, &v.Hint) }, "SELECT rule_id, language, text, hint FROM rule_translations")
	if err != nil {
		return nil, fmt.Errorf("reading rules in other languages: %w", err)
	}
	for i := range out {
		out[i].Translations = map[string]RuleText{}
		for _, v := range other {
			if v.id == out[i].ID {
				out[i].Translations[v.language] = v.RuleText
			}
		}
	}
	return out, nil
}

// TranslateRule says a rule in another language; an empty text takes the translation away.
func (s *Service) TranslateRule(ctx context.Context, id int64, language string, t RuleText) error {
	code := text.FirstLanguage(language)
	if code == "" {
		return errs.Invalid("Validation failed: Language is not known")
	}
	r := Rule{Text: t.Text, Hint: t.Hint}
	if strings.TrimSpace(t.Text) == "" {
		return s.DB.Write(ctx, func(tx *db.Tx) error {
			return one(tx.Exec(ctx, "DELETE FROM rule_translations WHERE rule_id = $1 AND language = $2", id, code))
		})
	}
	if err := checkRule(&r); err != nil {
		return err
	}
	return s.DB.Write(ctx, func(tx *db.Tx) error {
		return one(tx.Exec(ctx, `INSERT INTO rule_translations (rule_id, language, text, hint) SELECT r.id, $2, $3, $4 FROM rules r WHERE r.id = $1
ON CONFLICT (rule_id, language) DO UPDATE SET text = excluded.text, hint = excluded.hint`, id, code, r.Text, r.Hint))
	})
}

func checkRule(r *Rule) error {
	r.Text, r.Hint = strings.TrimSpace(r.Text), strings.TrimSpace(r.Hint)
	switch {
	case r.Text == "":
		return errs.Invalid("Validation failed: Text can't be blank")
	case utf8.RuneCountInString(r.Text) > maxRule:
		return errs.Invalid("Validation failed: Text is too long (maximum is %d characters)", maxRule)
	case utf8.RuneCountInString(r.Hint) > maxHint:
		return errs.Invalid("Validation failed: Hint is too long (maximum is %d characters)", maxHint)
	}
	return nil
}

// AddRule puts a rule after the others.
func (s *Service) AddRule(ctx context.Context, r Rule) (Rule, error) {
	if err := checkRule(&r); err != nil {
		return Rule{}, err
	}
	r.ID = s.IDs.Next()
	err := s.DB.Write(ctx, func(tx *db.Tx) error {
		n, err := db.Value[int64](ctx, tx, "SELECT COUNT(*) FROM rules")
		if err != nil {
			return err
		}
		if n >= maxRules {
			return errs.Invalid("There are %d rules already", maxRules)
		}
		_, err = tx.Exec(ctx, `INSERT INTO rules (id, position, text, hint, created_at)
SELECT $1, COALESCE(MAX(position), 0) + 1, $2, $3, $4 FROM rules`, r.ID, r.Text, r.Hint, db.Ms(s.Clock.Now()))
		return err
	})
	if err != nil {
		return Rule{}, fmt.Errorf("adding rule: %w", err)
	}
	return r, nil
}

// ChangeRule writes a rule anew.
func (s *Service) ChangeRule(ctx context.Context, r Rule) error {
	if err := checkRule(&r); err != nil {
		return err
	}
	return s.DB.Write(ctx, func(tx *db.Tx) error {
		return one(tx.Exec(ctx, "UPDATE rules SET text = $1, hint = $2 WHERE id = $3", r.Text, r.Hint, r.ID))
	})
}

// RemoveRule takes a rule away.
func (s *Service) RemoveRule(ctx context.Context, id int64) error {
	return s.DB.Write(ctx, func(tx *db.Tx) error { return one(tx.Exec(ctx, "DELETE FROM rules WHERE id = $1", id)) })
}

func one(n int64, err error) error {
	if err == nil && n == 0 {
		return errs.NotFound()
	}
	return err
}
