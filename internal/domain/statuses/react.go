package statuses

import (
	"context"
	"fmt"
	"strings"
	"unicode"

	"github.com/gomph/gomph/internal/domain/accounts"
	"github.com/gomph/gomph/internal/kit/db"
	"github.com/gomph/gomph/internal/kit/errs"
	"github.com/rivo/uniseg"
)

const (
	// maxReactions is how many emojis one account may leave on one post; Pleroma and Misskey's kin allow a handful.
	maxReactions = 20
	// maxEmojiBytes is more than the longest emoji of Unicode takes: families with skin tones stay under 40 bytes.
	maxEmojiBytes = 64
)

// Reaction is an emoji that somebody elsewhere put on a post.
type Reaction struct {
	// Emoji is one character, or a shortcode between colons; Image is where a custom one is.
	Emoji, Image string
	// URI is the id of the activity.
	URI string
}

// ReactionEmoji reads what a reaction says: a character that is no letter, or a shortcode, of which the host is dropped. Anything else is empty.
func ReactionEmoji(s string) string {
	s = strings.TrimSpace(s)
	if len(s) > 2 && strings.HasPrefix(s, ":") && strings.HasSuffix(s, ":") {
		code, _, _ := strings.Cut(strings.Trim(s, ":"), "@")
		if code == "" || len(code) > maxEmojiBytes || strings.Trim(strings.ToLower(code), "abcdefghijklmnopqrstuvwxyz0123456789_-+") != "" {
			return ""
		}
		return ":" + code + ":"
	}
	if s == "" || len(s) > maxEmojiBytes || uniseg.GraphemeClusterCount(s) != 1 {
		return ""
	}
	for _, r := range s {
		if unicode.IsLetter(r) || unicode.IsSpace(r) || unicode.IsControl(r) || r < '0' && r != '#' && r != '*' || r == unicode.ReplacementChar {
			return ""
		}
	}
	return s
}

// React puts an emoji on a post. For those here it is a favourite, however many emojis somebody uses.
func (s *Service) React(ctx context.Context, by *accounts.Account, id ID, r Reaction) error {
	target, err := s.target(ctx, by, id)
	if err != nil {
		return err
	}
	local, err := s.authorLocal(ctx, s.DB, target.AccountID)
	if err != nil {
		return err
	}
	err = s.DB.Write(ctx, func(tx *db.Tx) error {
		if r.URI != "" {
			gone, err := s.Tombstoned(ctx, tx, r.URI, by.ID)
			if err != nil || gone {
				return err
			}
		}
		fid, err := s.like(ctx, tx, by, target.ID, like{local: local})
		if err != nil {
			return err
		}
		_, err = tx.Exec(ctx, `INSERT INTO favourite_emojis (favourite_id, emoji, image, uri, created_at)
SELECT $1, $2, $3, $4, $5 WHERE (SELECT COUNT(*) FROM favourite_emojis WHERE favourite_id = $1) < $6
ON CONFLICT (favourite_id, emoji) DO UPDATE SET image = excluded.image, uri = excluded.uri`, fid, r.Emoji, r.Image, r.URI, db.Ms(s.Clock.Now()), maxReactions)
		return err
	})
	if err != nil {
		return fmt.Errorf("reacting: %w", err)
	}
	return nil
}

// Unreact takes an emoji off a post, and the favourite with the last of them, unless the post is liked as well.
func (s *Service) Unreact(ctx context.Context, by *accounts.Account, id ID, emoji string) error {
	target, err := s.target(ctx, by, id)
	if err != nil {
		return err
	}
	local, err := s.authorLocal(ctx, s.DB, target.AccountID)
	if err != nil {
		return err
	}
	err = s.DB.Write(ctx, func(tx *db.Tx) error {
		if _, err := tx.Exec(ctx, `DELETE FROM favourite_emojis WHERE emoji = $1 AND favourite_id IN (SELECT id FROM favourites WHERE status_id = $2 AND account_id = $3)`,
			emoji, target.ID, by.ID); err != nil {
			return err
		}
		return s.unlike(ctx, tx, by, target.ID, local, "NOT plain AND ")
	})
	if err != nil {
		return fmt.Errorf("taking a reaction back: %w", err)
	}
	return nil
}

// Reacted finds the post and the emoji of a reaction by the id of its activity.
func (s *Service) Reacted(ctx context.Context, q db.Q, by accounts.ID, uri string) (id ID, emoji string, err error) {
	err = q.QueryRow(ctx, `SELECT f.status_id, e.emoji FROM favourite_emojis e JOIN favourites f ON f.id = e.favourite_id
WHERE e.uri = $1 AND e.uri <> '' AND f.account_id = $2 LIMIT 1`, uri, by).Scan(&id, &emoji)
	return id, emoji, err
}

// Reactions lists the emojis on a post, the oldest first, each once with how many put it there; at most a hundred kinds.
func (s *Service) Reactions(ctx context.Context, q db.Q, id ID) (map[string]int64, error) {
	type row struct {
		emoji string
		n     int64
	}
	rows, err := db.All(ctx, q, func(r db.Row) (v row, err error) { return v, r.Scan(&v.emoji, &v.n) },
		`SELECT e.emoji, COUNT(*) FROM favourite_emojis e JOIN favourites f ON f.id = e.favourite_id WHERE f.status_id = $1 GROUP BY e.emoji LIMIT 100`, id)
	out := map[string]int64{}
	for _, v := range rows {
		out[v.emoji] = v.n
	}
	return out, err
}

// like says how a favourite comes about: by a like with an id, or, where plain is false, by an emoji.
type like struct {
	uri          string
	plain, local bool
}

// like makes a favourite, or gives the one that is there; a plain one outweighs one that is only emojis.
func (s *Service) like(ctx context.Context, tx *db.Tx, by *accounts.Account, id ID, l like) (int64, error) {
	fid := s.IDs.Next()
	n, err := tx.Exec(ctx, "INSERT INTO favourites (id, account_id, status_id, uri, plain, created_at) VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT DO NOTHING",
		fid, by.ID, id, l.uri, l.plain, db.Ms(s.Clock.Now()))
	if err != nil {
		return 0, err
	}
	if n == 0 && l.plain {
		_, err := tx.Exec(ctx, "UPDATE favourites SET plain = TRUE, uri = $1 WHERE status_id = $2 AND account_id = $3 AND NOT plain", l.uri, id, by.ID)
		return 0, err
	}
	if n == 0 {
		return db.Value[int64](ctx, tx, "SELECT id FROM favourites WHERE status_id = $1 AND account_id = $2", id, by.ID)
	}
	if _, err := tx.Exec(ctx, "UPDATE statuses SET favourites_count = favourites_count + 1 WHERE id = $1", id); err != nil {
		return 0, err
	}
	return fid, s.Jobs.Emit(ctx, tx, Favourited{FavouriteID: fid, StatusID: id, AccountID: by.ID, ByLocal: by.Local(), AuthorLocal: l.local})
}

// unlike removes a favourite that no emoji keeps, if it is of the kind.
func (s *Service) unlike(ctx context.Context, tx *db.Tx, by *accounts.Account, id ID, local bool, kind string) error {
	var fid int64
	var uri string
	err := tx.QueryRow(ctx, "DELETE FROM favourites WHERE "+kind+"status_id = $1 AND account_id = $2 AND NOT EXISTS (SELECT 1 FROM favourite_emojis e WHERE e.favourite_id = favourites.id) RETURNING id, uri",
		id, by.ID).Scan(&fid, &uri)
	if errs.IsNotFound(err) {
		return nil
	}
	if err != nil {
		return err
	}
	if _, err := tx.Exec(ctx, "UPDATE statuses SET favourites_count = CASE WHEN favourites_count > 0 THEN favourites_count - 1 ELSE 0 END WHERE id = $1", id); err != nil {
		return err
	}
	return s.Jobs.Emit(ctx, tx, Unfavourited{FavouriteID: fid, StatusID: id, AccountID: by.ID, URI: uri, ByLocal: by.Local(), AuthorLocal: local})
}
