package crowd_test

import (
	"strings"
	"testing"

	"github.com/gomph/gomph/internal/kit/db"
	"github.com/gomph/gomph/internal/schema/crowd"
	"github.com/gomph/gomph/internal/testkit/dbtest"
)

// invariants are what the server keeps, each by a query that finds what breaks it.
var invariants = map[string]string{
	"posts of an account":       "SELECT COUNT(*) FROM accounts a WHERE a.statuses_count <> (SELECT COUNT(*) FROM statuses s WHERE s.account_id = a.id AND s.deleted_at = 0)",
	"last post of an account":   "SELECT COUNT(*) FROM accounts a WHERE a.last_status_at <> (SELECT COALESCE(MAX(s.created_at), 0) FROM statuses s WHERE s.account_id = a.id AND s.deleted_at = 0)",
	"followers":                 "SELECT COUNT(*) FROM accounts a WHERE a.followers_count <> (SELECT COUNT(*) FROM follows f WHERE f.target_account_id = a.id)",
	"following":                 "SELECT COUNT(*) FROM accounts a WHERE a.following_count <> (SELECT COUNT(*) FROM follows f WHERE f.account_id = a.id)",
	"answers":                   "SELECT COUNT(*) FROM statuses s WHERE s.replies_count <> (SELECT COUNT(*) FROM statuses r WHERE r.in_reply_to_id = s.id AND r.in_reply_to_id <> 0)",
	"boosts":                    "SELECT COUNT(*) FROM statuses s WHERE s.reblogs_count <> (SELECT COUNT(*) FROM statuses r WHERE r.reblog_of_id = s.id AND r.reblog_of_id <> 0 AND r.deleted_at = 0)",
	"likes":                     "SELECT COUNT(*) FROM statuses s WHERE s.favourites_count <> (SELECT COUNT(*) FROM favourites f WHERE f.status_id = s.id)",
	"pictures":                  "SELECT COUNT(*) FROM statuses s WHERE (s.parts IN (1, 3, 5, 7)) <> EXISTS (SELECT 1 FROM media_attachments m WHERE m.status_id = s.id AND m.status_id <> 0)",
	"mentions":                  "SELECT COUNT(*) FROM statuses s WHERE (s.parts IN (2, 3, 6, 7)) <> EXISTS (SELECT 1 FROM mentions m WHERE m.status_id = s.id AND m.status_id <> 0)",
	"hashtags":                  "SELECT COUNT(*) FROM statuses s WHERE (s.parts > 3) <> EXISTS (SELECT 1 FROM statuses_tags t WHERE t.status_id = s.id)",
	"threads":                   "SELECT COUNT(*) FROM statuses s JOIN statuses p ON p.id = s.in_reply_to_id WHERE p.conversation_id <> s.conversation_id OR p.account_id <> s.in_reply_to_account_id OR p.id > s.id",
	"threads have a beginning":  "SELECT COUNT(*) FROM statuses s LEFT JOIN conversations c ON c.id = s.conversation_id WHERE s.reblog_of_id = 0 AND c.id IS NULL",
	"private posts are no more": "SELECT COUNT(*) FROM statuses b JOIN statuses s ON s.id = b.reblog_of_id WHERE s.visibility > 1",
	"ids are moments":           "SELECT COUNT(*) FROM statuses WHERE id / 65536 <> created_at",
	"notices are of people":     "SELECT COUNT(*) FROM notifications n JOIN accounts a ON a.id = n.account_id WHERE a.domain <> '' OR n.from_account_id = n.account_id",
	"nothing is of the future":  "SELECT COUNT(*) FROM notifications n WHERE n.created_at > (SELECT MAX(a.created_at) FROM accounts a)",
	"everybody may sign in":     "SELECT COUNT(*) FROM accounts a LEFT JOIN users u ON u.account_id = a.id WHERE (a.domain = '') <> (u.id IS NOT NULL)",
}

func TestWhatIsMadeIsWhatTheServerWouldHaveWritten(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		ctx := t.Context()
		size := crowd.Size{Locals: 30, Remotes: 200, Posts: 12_000} // three batches of posts
		var told []string
		if err := crowd.New(d, "https://home.example").Fill(ctx, size, "hash", func(what string, done, of int) {
			if done == of {
				told = append(told, what)
			}
		}); err != nil {
			t.Fatal(err)
		}
		if got := strings.Join(told, " "); got != "people follows posts" {
			t.Errorf("the ends told of are %q", got)
		}
		for sql, least := range map[string]int64{
			"SELECT COUNT(*) FROM accounts WHERE domain = ''":  30,
			"SELECT COUNT(*) FROM accounts WHERE domain <> ''": 200,
			"SELECT COUNT(*) FROM statuses":                    12_000,
		} {
			if n, err := db.Value[int64](ctx, d, sql); err != nil || n != least {
				t.Errorf("%s: %d, want %d: %v", sql, n, least, err)
			}
		}
		for sql, least := range map[string]int64{
			"SELECT COUNT(*) FROM statuses WHERE reblog_of_id <> 0":                 500,
			"SELECT COUNT(*) FROM statuses WHERE in_reply_to_id <> 0":               2000,
			"SELECT COUNT(*) FROM favourites":                                       5000,
			"SELECT COUNT(*) FROM notifications WHERE type = 'mention'":             20,
			"SELECT COUNT(*) FROM notifications WHERE type = 'favourite'":           20,
			"SELECT COUNT(*) FROM notifications WHERE type = 'reblog'":              5,
			"SELECT COUNT(*) FROM notifications WHERE type = 'follow'":              5,
			"SELECT COUNT(*) FROM (SELECT DISTINCT tag_id FROM statuses_tags) tags": 50,
		} {
			if n, err := db.Value[int64](ctx, d, sql); err != nil || n < least {
				t.Errorf("%s: %d, want at least %d: %v", sql, n, least, err)
			}
		}
		for what, sql := range invariants {
			if n, err := db.Value[int64](ctx, d, sql); err != nil || n != 0 {
				t.Errorf("%s: %d rows break it: %v", what, n, err)
			}
		}
	})
}

func TestScalesAreBounded(t *testing.T) {
	t.Parallel()
	if got, err := crowd.Scaled(0.01); err != nil || got != (crowd.Size{Locals: 100, Remotes: 1000, Posts: 10_000}) {
		t.Errorf("a hundredth is %+v: %v", got, err)
	}
	for _, scale := range []float64{-1, 0, 0.0009, 101} {
		if _, err := crowd.Scaled(scale); err == nil {
			t.Errorf("the scale %v is taken", scale)
		}
	}
}
