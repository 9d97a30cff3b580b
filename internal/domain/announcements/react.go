package announcements

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"unicode"

	"github.com/rivo/uniseg"

	"github.com/gomph/gomph/internal/domain/accounts"
	"github.com/gomph/gomph/internal/kit/db"
	"github.com/gomph/gomph/internal/kit/errs"
	"github.com/gomph/gomph/internal/kit/pubsub"
)

const (
	// maxReactions is how many different emojis an announcement bears (Mastodon).
	maxReactions = 8
	// maxEmoji is more than the longest emoji of Unicode has, in bytes.
	maxEmoji = 64
)

// Channel is the channel on which everybody's streams hear of announcements.
const Channel = "announcements"

// The names of the live events, as the API's.
const (
	Told    = "announcement"
	Reacted = "announcement.reaction"
	Deleted = "announcement.delete"
)

// Message is what goes over Channel.
type Message struct {
	Event string
	ID    ID
	// Name is of the emoji of Reacted.
	Name string
}

// Tell lets everybody's streams hear of an announcement.
func (s *Service) Tell(ctx context.Context, e Changed) error {
	m := Message{Event: Told, ID: e.AnnouncementID}
	if e.Gone {
		m.Event = Deleted
	}
	return s.send(ctx, m)
}

func (s *Service) send(ctx context.Context, m Message) error {
	if s.Bus == nil {
		return nil
	}
	payload, err := json.Marshal(m)
	if err != nil {
		return err
	}
	return s.Bus.Publish(ctx, pubsub.Message{Channel: Channel, Payload: payload})
}

// Reactions counts the emojis on announcements, the earliest first; one statement.
func (s *Service) Reactions(ctx context.Context, q db.Q, viewer accounts.ID, list []ID) (map[ID][]Reaction, error) {
	type row struct {
		id ID
		Reaction
	}
	rows, err := db.All(ctx, q, func(r db.Row) (v row, err error) { return v, r.Scan(&v.id, &v.Name, &v.Count, &v.Mine) },
		`SELECT announcement_id, name, COUNT(*), SUM(CASE WHEN account_id = $1 THEN 1 ELSE 0 END) > 0 FROM announcement_reactions
WHERE announcement_id = ANY($2) GROUP BY announcement_id, name ORDER BY announcement_id, MIN(id)`, viewer, db.Array(list))
	if err != nil {
		return nil, fmt.Errorf("counting reactions: %w", err)
	}
	out := map[ID][]Reaction{}
	for _, v := range rows {
		out[v.id] = append(out[v.id], v.Reaction)
	}
	return out, nil
}

// emoji reports whether a text is one emoji: one character as people count, with a symbol in it.
func emoji(s string) bool {
	if s == "" || len(s) > maxEmoji || uniseg.GraphemeClusterCount(s) != 1 {
		return false
	}
	symbol := false
	for _, r := range s {
		if unicode.IsLetter(r) || unicode.IsSpace(r) || unicode.IsControl(r) || r == unicode.ReplacementChar {
			return false
		}
		symbol = symbol || unicode.Is(unicode.So, r) || r == '\u20E3' || r == '‼' || r == '⁉' // a key, and two that count as punctuation
	}
	return symbol
}

// known reports whether a name is an emoji, or the shortcode of a custom one of this server.
func (s *Service) known(ctx context.Context, name string) (bool, error) {
	if emoji(name) {
		return true, nil
	}
	if name == "" || len(name) > maxEmoji {
		return false, nil
	}
	custom, err := s.Media.EmojisNamed(ctx, s.DB, []string{name})
	return len(custom) > 0, err
}

// React puts an emoji on an announcement; doing it again changes nothing.
func (s *Service) React(ctx context.Context, me accounts.ID, id ID, name string) error {
	if _, err := s.Published(ctx, s.DB, id); err != nil {
		return err
	}
	ok, err := s.known(ctx, name)
	if err != nil {
		return err
	}
	if !ok {
		return errs.Invalid("Validation failed: Name is not a recognized emoji")
	}
	return s.DB.Write(ctx, func(tx *db.Tx) error {
		// The announcement's row keeps two from adding the eighth and the ninth at once.
		if _, err := db.Value[ID](ctx, tx, "SELECT id FROM announcements WHERE id = $1"+tx.ForUpdate(), id); err != nil {
			return err
		}
		names, err := db.Column[string](ctx, tx, "SELECT DISTINCT name FROM announcement_reactions WHERE announcement_id = $1", id)
		if err != nil {
			return err
		}
		if len(names) >= maxReactions && !slices.Contains(names, name) {
			return errs.Invalid("Validation failed: Limit of different reactions reached")
		}
		n, err := tx.Exec(ctx, "INSERT INTO announcement_reactions (id, announcement_id, account_id, name, created_at) VALUES ($1, $2, $3, $4, $5) ON CONFLICT DO NOTHING",
			s.IDs.Next(), id, me, name, db.Ms(s.Clock.Now()))
		if err == nil && n > 0 {
			s.reacted(tx, id, name)
		}
		return err
	})
}

// Unreact takes an emoji back; one that was not there is errs.NotFound.
func (s *Service) Unreact(ctx context.Context, me accounts.ID, id ID, name string) error {
	if _, err := s.Published(ctx, s.DB, id); err != nil {
		return err
	}
	return s.DB.Write(ctx, func(tx *db.Tx) error {
		n, err := tx.Exec(ctx, "DELETE FROM announcement_reactions WHERE announcement_id = $1 AND account_id = $2 AND name = $3", id, me, name)
		if err == nil && n == 0 {
			return errs.NotFound()
		}
		s.reacted(tx, id, name)
		return err
	})
}

// reacted tells everybody of a count; who misses that sees it at the next look.
func (s *Service) reacted(tx *db.Tx, id ID, name string) {
	tx.AfterCommit(func() { _ = s.send(context.Background(), Message{Event: Reacted, ID: id, Name: name}) })
}
