package statuses

import (
	"cmp"
	"context"
	"fmt"
	"html"
	"strconv"
	"strings"
	"time"

	"github.com/gomph/gomph/internal/domain/accounts"
	"github.com/gomph/gomph/internal/kit/db"
	"github.com/gomph/gomph/internal/kit/errs"
	"github.com/gomph/gomph/internal/kit/fetch/weburl"
	"github.com/gomph/gomph/internal/kit/ids"
	"github.com/gomph/gomph/internal/kit/text"
)

// QuoteState says what became of a quote.
type QuoteState int64

// The states that are stored, with Mastodon's numbers, and those that only a viewer is shown.
const (
	// QuotePending waits for the word of the quoted author.
	QuotePending QuoteState = iota
	QuoteAccepted
	QuoteRejected
	// QuoteRevoked was accepted, until the quoted author thought better of it.
	QuoteRevoked
	QuoteDeleted
	// QuoteUnauthorized is of a post that the viewer may not see; of the others the viewer blocks or mutes the author.
	QuoteUnauthorized
	QuoteBlockedAccount
	QuoteBlockedDomain
	QuoteMutedAccount
)

var quoteStates = []string{"pending", "accepted", "rejected", "revoked", "deleted", "unauthorized", "blocked_account", "blocked_domain", "muted_account"}

// String is the name that the API uses.
func (s QuoteState) String() string { return quoteStates[s] }

// Shows reports whether the quoted post is shown, at once or if the viewer insists.
func (s QuoteState) Shows() bool {
	return s == QuoteAccepted || s == QuoteBlockedAccount || s == QuoteBlockedDomain || s == QuoteMutedAccount
}

// Quote is what a post quotes.
type Quote struct {
	ID        int64
	StatusID  ID
	AccountID accounts.ID
	// QuotedStatusID and QuotedAccountID are 0 while the post that QuotedURI names is not known here.
	QuotedStatusID  ID
	QuotedAccountID accounts.ID
	QuotedURI       string
	State           QuoteState
	// ApprovalURI is the stamp of an author on another server, whether or not it is true. Stamps of ours are named by ID.
	ApprovalURI, ActivityURI string
	// Legacy says that it was told in a way that knows no approval.
	Legacy bool
	// Gone says that the quoted post was known and is no more.
	Gone bool

	// lookedAt is when it changed, or its stamp was looked at, last.
	lookedAt time.Time
	depth    int
}

// Quoted says that a quote was accepted.
type Quoted struct {
	QuoteID                    int64
	StatusID, QuotedStatusID   ID
	AccountID, QuotedAccountID accounts.ID
	// AuthorLocal says that the quoted author is of this server.
	AuthorLocal bool
}

// Kind names the event.
func (Quoted) Kind() string { return "statuses.quoted" }

// QuoteRequested says that somebody here wants to quote a post of another server.
type QuoteRequested struct {
	QuoteID  int64
	StatusID ID
}

// Kind names the event.
func (QuoteRequested) Kind() string { return "statuses.quote_requested" }

// QuoteReceived says that a post of another server quotes something: the quoted post may have to be fetched, and the approval looked at.
type QuoteReceived struct {
	StatusID ID
	// URI is the quoted post.
	URI string
	// Depth is how many answers or quotes were followed to the one that quotes.
	Depth int
}

// Kind names the event.
func (QuoteReceived) Kind() string { return "statuses.quote_received" }

// Host is who may have to be asked; what is wanted of one host shares a lane.
func (e QuoteReceived) Host() string { return weburl.Host(e.URI) }

// Key is what the event is unique by.
func (e QuoteReceived) Key() string { return strconv.FormatInt(int64(e.StatusID), 10) }

// ApprovalRevoked says that somebody here took an approval back.
type ApprovalRevoked struct {
	QuoteID                  int64
	StatusID, QuotedStatusID ID
}

// Kind names the event.
func (ApprovalRevoked) Kind() string { return "statuses.approval_revoked" }

// Refreshed says that a post shows otherwise though its author did not edit it: what became of its quote, or who may quote it.
type Refreshed struct {
	StatusID  ID
	AccountID accounts.ID
	Local     bool
	// At is when, in milliseconds.
	At int64
}

// Kind names the event.
func (Refreshed) Kind() string { return "statuses.refreshed" }

const quoteColumns = `u.id, u.status_id, u.account_id, u.quoted_status_id, u.quoted_account_id, u.quoted_uri, u.state, u.approval_uri, u.activity_uri, u.legacy, u.updated_at,
  u.quoted_status_id <> 0 AND NOT EXISTS (SELECT 1 FROM statuses x WHERE x.id = u.quoted_status_id AND x.deleted_at = 0)`

func scanQuote(r db.Row) (*Quote, error) {
	var q Quote
	var updated int64
	err := r.Scan(&q.ID, &q.StatusID, &q.AccountID, &q.QuotedStatusID, &q.QuotedAccountID, &q.QuotedURI, &q.State, &q.ApprovalURI, &q.ActivityURI, &q.Legacy, &updated, &q.Gone)
	q.lookedAt = db.At(updated)
	return &q, err
}

// QuoteOf is what a post quotes.
func (s *Service) QuoteOf(ctx context.Context, q db.Q, id ID) (*Quote, error) {
	return scanQuote(q.QueryRow(ctx, "SELECT "+quoteColumns+" FROM quotes u WHERE u.status_id = $1", id))
}

// QuoteByID is a quote by its own id.
func (s *Service) QuoteByID(ctx context.Context, q db.Q, id int64) (*Quote, error) {
	return scanQuote(q.QueryRow(ctx, "SELECT "+quoteColumns+" FROM quotes u WHERE u.id = $1", id))
}

// QuoteByRequest is the quote of one of ours by the id of its QuoteRequest.
func (s *Service) QuoteByRequest(ctx context.Context, q db.Q, uri string) (*Quote, error) {
	return scanQuote(q.QueryRow(ctx, "SELECT "+quoteColumns+" FROM quotes u JOIN statuses s ON s.id = u.status_id WHERE u.activity_uri = $1 AND u.activity_uri <> '' AND s.local AND s.deleted_at = 0 ORDER BY u.id LIMIT 1", uri))
}

// QuotesOf loads what posts quote; one statement, none where no post quotes anything.
func (s *Service) QuotesOf(ctx context.Context, q db.Q, list []*Status) (map[ID]*Quote, error) {
	out := map[ID]*Quote{}
	var quoting []ID
	for _, st := range list {
		if st.Quotes() {
			quoting = append(quoting, st.ID)
		}
	}
	if len(quoting) == 0 {
		return out, nil
	}
	rows, err := db.All(ctx, q, scanQuote, "SELECT "+quoteColumns+" FROM quotes u WHERE u.status_id = ANY($1)", db.Array(quoting))
	if err != nil {
		return nil, fmt.Errorf("loading quotes: %w", err)
	}
	for _, v := range rows {
		out[v.StatusID] = v
	}
	return out, nil
}

// shownState is what a viewer in $1 is shown of a quote: Mastodon's order of reasons. The quoted post goes by s, its author by a.
var shownState = fmt.Sprintf(`CASE WHEN u.state <> %d THEN u.state WHEN s.id IS NULL OR s.deleted_at <> 0 OR s.reblog_of_id <> 0 THEN %d
WHEN s.account_id = $1 AND a.suspended_at = 0 THEN %d WHEN NOT (%s) THEN %d
WHEN EXISTS (SELECT 1 FROM account_domain_blocks d WHERE d.account_id = $1 AND d.domain = a.domain AND a.domain <> '') THEN %d
WHEN EXISTS (SELECT 1 FROM blocks b WHERE b.account_id = $1 AND b.target_account_id = s.account_id) THEN %d
WHEN EXISTS (SELECT 1 FROM mutes m WHERE m.account_id = $1 AND m.target_account_id = s.account_id AND (m.expires_at = 0 OR m.expires_at > $3)) THEN %d ELSE %d END`,
	QuoteAccepted, QuoteDeleted, QuoteAccepted, visible("$1"), QuoteUnauthorized, QuoteBlockedDomain, QuoteBlockedAccount, QuoteMutedAccount, QuoteAccepted)

// QuotesShown loads what a viewer (0 for anybody) is shown of the quotes of posts: State is as for that viewer, by what holds now
// (VIS-13). Quotes that are not spoken of, since they were told in a way that knows no approval and have none, are absent. One statement.
func (s *Service) QuotesShown(ctx context.Context, q db.Q, viewer accounts.ID, quoting []ID) (map[ID]*Quote, error) {
	out := map[ID]*Quote{}
	if len(quoting) == 0 {
		return out, nil
	}
	rows, err := db.All(ctx, q, func(r db.Row) (*Quote, error) {
		var v Quote
		return &v, r.Scan(&v.StatusID, &v.QuotedStatusID, &v.QuotedAccountID, &v.State)
	}, `SELECT u.status_id, u.quoted_status_id, u.quoted_account_id, `+shownState+` FROM quotes u LEFT JOIN statuses s ON s.id = u.quoted_status_id LEFT JOIN accounts a ON a.id = s.account_id
WHERE u.status_id = ANY($2) AND (u.state = 1 OR NOT u.legacy)`, viewer, db.Array(quoting), db.Ms(s.Clock.Now()))
	if err != nil {
		return nil, fmt.Errorf("loading quotes: %w", err)
	}
	for _, v := range rows {
		out[v.StatusID] = v
	}
	return out, nil
}

// QuotedBy lists the posts that quote a post, as far as viewer may see them and wants to, the newest quote first.
func (s *Service) QuotedBy(ctx context.Context, q db.Q, viewer accounts.ID, id ID, p db.Page) ([]Entry, error) {
	return entries(ctx, q, "quotes", "SELECT x.id, x.status_id, x.account_id FROM quotes x JOIN statuses s ON s.id = x.status_id JOIN accounts a ON a.id = s.account_id WHERE x.quoted_status_id = $2 AND x.quoted_status_id <> 0 AND x.state = 1 AND "+
		visible("$1")+wanted("$1"), p, viewer, id)
}

// Stamp is a quote that one of our accounts approved, if that still holds, and the two posts.
func (s *Service) Stamp(ctx context.Context, q db.Q, author accounts.ID, id int64) (*Quote, error) {
	return scanQuote(q.QueryRow(ctx, "SELECT "+quoteColumns+` FROM quotes u JOIN statuses s ON s.id = u.status_id JOIN statuses o ON o.id = u.quoted_status_id
WHERE u.id = $1 AND u.quoted_account_id = $2 AND u.state = 1 AND s.deleted_at = 0 AND o.deleted_at = 0 AND o.local`, id, author))
}

// quotable is the post that a draft quotes: one that its author may see and, as far as is known here, quote; of a boost the post in it.
func (s *Service) quotable(ctx context.Context, by *accounts.Account, id ID) (*Status, error) {
	if id == 0 {
		return nil, nil
	}
	no := errs.New(errs.NotFoundKind, "The post you are trying to quote does not appear to exist.")
	st, err := s.target(ctx, by, id)
	if errs.IsNotFound(err) {
		return nil, no
	}
	if err != nil {
		return nil, err
	}
	ties, err := s.ties(ctx, s.DB, by.ID, st)
	if err != nil {
		return nil, err
	}
	if st.QuotableBy(by.ID, ties) == QuoteDenied {
		return nil, no
	}
	return st, nil
}

// ties tells what a policy may ask about somebody and a post's author; no statement where it does not ask.
func (s *Service) ties(ctx context.Context, q db.Q, who accounts.ID, st *Status) (v Viewer, err error) {
	if who == st.AccountID || (st.QuotePolicy.Automatic()|st.QuotePolicy.Manual())&(MayFollowers|MayFollowing) == 0 {
		return v, nil
	}
	err = q.QueryRow(ctx, `SELECT EXISTS (SELECT 1 FROM follows f WHERE f.account_id = $1 AND f.target_account_id = $2), EXISTS (SELECT 1 FROM follows f WHERE f.account_id = $2 AND f.target_account_id = $1)`,
		who, st.AccountID).Scan(&v.Follows, &v.FollowedBy)
	if err != nil {
		return v, fmt.Errorf("looking whether a post may be quoted: %w", err)
	}
	return v, nil
}

// MayQuote says what becomes of a quote of a post of ours by an account that may see it.
func (s *Service) MayQuote(ctx context.Context, q db.Q, by accounts.ID, st *Status) (string, error) {
	ties, err := s.ties(ctx, q, by, st)
	return st.QuotableBy(by, ties), err
}

// quoting is the quote of a new post of somebody here. What is ours is accepted or not at once; nil for no quote.
func (s *Service) quoting(by *accounts.Account, st, quoted *Status) *Quote {
	if quoted == nil {
		return nil
	}
	u := &Quote{ID: s.IDs.Next(), StatusID: st.ID, AccountID: by.ID, QuotedStatusID: quoted.ID, QuotedAccountID: quoted.AccountID, QuotedURI: quoted.URI}
	if quoted.Local {
		u.State = QuoteAccepted
	} else {
		u.ActivityURI = by.URI + "/quote_requests/" + ids.Format(u.ID)
	}
	return u
}

// insertQuote writes what a new post quotes, and lets follow what follows from it.
func (s *Service) insertQuote(ctx context.Context, tx *db.Tx, st *Status, u *Quote) error {
	now := db.Ms(s.Clock.Now())
	if err := tx.Do(ctx, "writing a quote", `INSERT INTO quotes (id, status_id, account_id, quoted_status_id, quoted_account_id, quoted_uri, state, approval_uri, activity_uri, legacy, created_at, updated_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $11)`,
		u.ID, st.ID, st.AccountID, u.QuotedStatusID, u.QuotedAccountID, u.QuotedURI, int64(u.State), u.ApprovalURI, u.ActivityURI, u.Legacy, now); err != nil {
		return err
	}
	if st.Local && st.AccountID != u.QuotedAccountID { // so that it may be seen by whom it is about (Mastodon)
		if err := s.insertMentions(ctx, tx, st.ID, []Mention{{AccountID: u.QuotedAccountID, Silent: true}}); err != nil {
			return err
		}
	}
	switch {
	case u.State == QuoteAccepted:
		return s.accepted(ctx, tx, st, u)
	case st.Local:
		return s.Jobs.Emit(ctx, tx, QuoteRequested{QuoteID: u.ID, StatusID: st.ID})
	}
	return s.Jobs.Emit(ctx, tx, QuoteReceived{StatusID: st.ID, URI: u.QuotedURI, Depth: u.depth})
}

// accepted counts a quote and says so. What not everybody may see stays uncounted (VIS-12).
func (s *Service) accepted(ctx context.Context, tx *db.Tx, st *Status, u *Quote) error {
	if err := s.countQuote(ctx, tx, st, u, 1); err != nil {
		return err
	}
	if u.AccountID == u.QuotedAccountID {
		return nil
	}
	local, err := s.authorLocal(ctx, tx, u.QuotedAccountID)
	if err != nil {
		return err
	}
	return s.Jobs.Emit(ctx, tx, Quoted{QuoteID: u.ID, StatusID: st.ID, QuotedStatusID: u.QuotedStatusID, AccountID: u.AccountID, QuotedAccountID: u.QuotedAccountID, AuthorLocal: local})
}

func (s *Service) countQuote(ctx context.Context, tx *db.Tx, st *Status, u *Quote, by int64) error {
	if !st.Distributable() || u.QuotedStatusID == 0 {
		return nil
	}
	return tx.Do(ctx, "counting a quote", "UPDATE statuses SET quotes_count = CASE WHEN quotes_count + $1 > 0 THEN quotes_count + $1 ELSE 0 END WHERE id = $2", by, u.QuotedStatusID)
}

// stillQuoted is the post that a post of ours quotes, if it is there.
func (s *Service) stillQuoted(ctx context.Context, st *Status) (*Status, error) {
	if !st.Quotes() {
		return nil, nil
	}
	u, err := s.QuoteOf(ctx, s.DB, st.ID)
	if errs.IsNotFound(err) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	quoted, err := s.Any(ctx, s.DB, u.QuotedStatusID)
	if errs.IsNotFound(err) || err == nil && !quoted.DeletedAt.IsZero() {
		return nil, nil
	}
	return quoted, err
}

// withQuote puts a link to the quoted post above a text that has none, for those who do not know quotes (Mastodon).
func withQuote(content string, quoted *Status) string {
	if quoted == nil {
		return content
	}
	address := cmp.Or(quoted.URL, quoted.URI)
	if strings.Contains(content, html.EscapeString(address)) {
		return content
	}
	return `<p class="quote-inline">RE: ` + text.ShortenedLink(address, false) + "</p>" + content
}
