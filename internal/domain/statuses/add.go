package statuses

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/gomph/gomph/internal/domain/accounts"
	"github.com/gomph/gomph/internal/domain/media"
	"github.com/gomph/gomph/internal/kit/db"
	"github.com/gomph/gomph/internal/kit/errs"
	"github.com/gomph/gomph/internal/kit/text"
)

// oldAfter is the age at which an arriving post is stored but announced to nobody, as it was fetched, not sent.
const oldAfter = 6 * time.Hour

// addition is a post on its way into the database, from here or from elsewhere.
type addition struct {
	*Status
	mentions        []Mention
	tags            []string
	poll            *PollDraft
	pollState       *Poll
	mediaIDs        []int64
	attachments     []media.Attachment
	conversation    int64
	conversationURI string
	// quote is what a post of ours quotes, incoming what one of another server does.
	quote    *Quote
	incoming *IncomingQuote
	depth    int
	// quiet and unheard are for the event.
	quiet, unheard, old bool
	// consents says that the author lets public posts be found.
	consents bool
	// mailed says that the author has public posts mailed.
	mailed bool
}

// found tells whether somebody may find the post by its words: whoever wrote it or is mentioned here, or everybody.
func (a *addition) found() bool {
	return a.Local || a.Visibility == Public && a.consents || slices.ContainsFunc(a.mentions, func(m Mention) bool { return !strings.Contains(m.Acct, "@") })
}

// add writes a post with all its parts, counts it, and emits Posted. It reports false when a post with the same id on the
// network is there already, or was deleted there. Nothing but that is waited for.
func (s *Service) add(ctx context.Context, tx *db.Tx, a addition) (bool, error) {
	st := a.Status
	if err := s.joinConversation(ctx, tx, &a); err != nil {
		return false, err
	}
	for part, present := range map[int64]bool{hasMedia: len(a.mediaIDs)+len(a.attachments) > 0, hasMentions: len(a.mentions) > 0 || a.quote != nil && a.quote.QuotedAccountID != st.AccountID,
		hasTags: len(a.tags) > 0, hasQuote: a.quote != nil || a.incoming != nil} {
		if present {
			st.parts |= part
		}
	}
	if a.poll != nil || a.pollState != nil {
		st.PollID = s.IDs.Next()
	}
	ok, err := s.insert(ctx, tx, st)
	if err != nil || !ok {
		return false, err
	}
	if err := s.addParts(ctx, tx, a); err != nil {
		return false, err
	}
	if err := s.countPost(ctx, tx, st); err != nil {
		return false, err
	}
	if err := s.linked(ctx, tx, st, a.mentions); err != nil {
		return false, err
	}
	old := a.old || !st.Local && s.Clock.Now().Sub(st.CreatedAt) > oldAfter
	return true, s.Jobs.Emit(ctx, tx, Posted{StatusID: st.ID, AccountID: st.AccountID, Local: st.Local, Reblog: st.Reblog(), Visibility: st.Visibility, Old: old, Quiet: a.quiet, Unheard: a.unheard, Found: a.found(),
		Mailed: a.mailed && st.Visibility == Public && st.InReplyToID == 0 && !st.Reblog()})
}

func (s *Service) addParts(ctx context.Context, tx *db.Tx, a addition) error {
	st := a.Status
	if err := s.insertMentions(ctx, tx, st.ID, a.mentions); err != nil {
		return err
	}
	if err := s.insertTags(ctx, tx, st.ID, a.tags); err != nil {
		return err
	}
	if len(a.mediaIDs) > 0 {
		if err := s.Media.Attach(ctx, tx, st.AccountID, int64(st.ID), a.mediaIDs); err != nil {
			return err
		}
	}
	if len(a.attachments) > 0 {
		if err := s.Media.AddRemote(ctx, tx, st.AccountID, int64(st.ID), a.attachments); err != nil {
			return err
		}
	}
	if a.incoming != nil {
		var err error
		if a.quote, err = s.arrived(ctx, tx, st, a.incoming); err != nil {
			return err
		}
		a.quote.depth = a.depth
	}
	if a.quote != nil {
		if err := s.insertQuote(ctx, tx, st, a.quote); err != nil {
			return err
		}
	}
	if a.poll != nil {
		return s.insertPoll(ctx, tx, st, a.poll)
	}
	if a.pollState != nil {
		return s.insertRemotePoll(ctx, tx, st, a.pollState)
	}
	return nil
}

// countPost keeps the counts of the author and of the post that is answered or boosted. What was private stays uncounted
// for others (VIS-12).
func (s *Service) countPost(ctx context.Context, tx *db.Tx, st *Status) error {
	if st.Visibility != Direct {
		if err := s.Accounts.Posted(ctx, tx, st.AccountID, db.Ms(st.CreatedAt)); err != nil {
			return err
		}
	}
	switch {
	case st.Reblog():
		return tx.Do(ctx, "counting a boost", "UPDATE statuses SET reblogs_count = reblogs_count + 1 WHERE id = $1", st.ReblogOfID)
	case st.InReplyToID != 0 && st.Distributable():
		return tx.Do(ctx, "counting an answer", "UPDATE statuses SET replies_count = replies_count + 1 WHERE id = $1", st.InReplyToID)
	}
	return nil
}

func (s *Service) joinConversation(ctx context.Context, tx *db.Tx, a *addition) error {
	if a.Reblog() {
		return nil
	}
	if a.conversation != 0 {
		a.ConversationID = a.conversation
		return nil
	}
	now := db.Ms(s.Clock.Now())
	a.ConversationID = s.IDs.Next()
	if a.conversationURI == "" {
		var root ID
		var author accounts.ID
		if a.Local {
			root, author = a.ID, a.AccountID
		}
		return tx.Do(ctx, "beginning a conversation", "INSERT INTO conversations (id, parent_status_id, parent_account_id, created_at) VALUES ($1, $2, $3, $4)", a.ConversationID, root, author, now)
	}
	var err error
	a.ConversationID, err = db.Value[int64](ctx, tx, `INSERT INTO conversations (id, uri, created_at) VALUES ($1, $2, $3)
ON CONFLICT (uri) WHERE uri <> '' DO UPDATE SET uri = excluded.uri RETURNING id`, a.ConversationID, a.conversationURI, now)
	return err
}

// insertStatus writes a row of statuses.
const insertStatus = `INSERT INTO statuses (id, account_id, uri, url, local, text, content, spoiler_text, sensitive, visibility, language,
  in_reply_to_id, in_reply_to_account_id, in_reply_to_uri, conversation_id, reblog_of_id, poll_id, application_id, emojis, parts, created_at, edited_at, quote_approval_policy)
SELECT $1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21, $22, $23
WHERE $5 OR NOT EXISTS (SELECT 1 FROM tombstones WHERE uri = $3 AND account_id = $2) ON CONFLICT DO NOTHING`

func (s *Service) insert(ctx context.Context, tx *db.Tx, st *Status) (bool, error) {
	n, err := tx.Exec(ctx, insertStatus,
		st.ID, st.AccountID, st.URI, st.URL, st.Local, st.Text, st.Content, st.SpoilerText, st.Sensitive, int64(st.Visibility), st.Language,
		st.InReplyToID, st.InReplyToAccountID, st.InReplyToURI, st.ConversationID, st.ReblogOfID, st.PollID, st.ApplicationID, encode(st.Emojis), st.parts,
		db.Ms(st.CreatedAt), db.Ms(st.EditedAt), int64(st.QuotePolicy))
	if err != nil {
		return false, fmt.Errorf("writing a status: %w", err)
	}
	return n == 1, nil
}

func (s *Service) insertMentions(ctx context.Context, tx *db.Tx, id ID, list []Mention) error {
	rows := make([][]any, len(list))
	for i, m := range list {
		rows[i] = []any{id, m.AccountID, m.Silent}
	}
	// A mention by name outweighs a silent one.
	return tx.DoMany(ctx, "writing mentions", `INSERT INTO mentions (status_id, account_id, silent) VALUES ($1, $2, $3)
ON CONFLICT (status_id, account_id) DO UPDATE SET silent = mentions.silent AND excluded.silent`, rows)
}

// insertTags finds or makes the hashtags of the given names, as typed, and gives them to a post.
func (s *Service) insertTags(ctx context.Context, tx *db.Tx, id ID, names []string) error {
	if len(names) == 0 {
		return nil
	}
	now := db.Ms(s.Clock.Now())
	rows := make([][]any, 0, len(names))
	norm := make([]string, 0, len(names))
	for _, name := range names {
		n := text.NormalizeTag(name)
		norm = append(norm, n)
		rows = append(rows, []any{s.IDs.Next(), n, name, now})
	}
	// In one order always, so that two posts with the same hashtags do not wait for each other.
	slices.SortFunc(rows, func(a, b []any) int { return strings.Compare(a[1].(string), b[1].(string)) })
	if err := tx.DoMany(ctx, "writing tags", `INSERT INTO tags (id, name, display_name, created_at, last_status_at) VALUES ($1, $2, $3, $4, $4)
ON CONFLICT (name) DO UPDATE SET last_status_at = excluded.last_status_at`, rows); err != nil {
		return err
	}
	return tx.Do(ctx, "writing tags of a status", "INSERT INTO statuses_tags (tag_id, status_id) SELECT t.id, $1 FROM tags t WHERE t.name = ANY($2) ON CONFLICT DO NOTHING", id, db.Texts(norm))
}

// Incoming is a post of another server, checked and cleaned by the door.
type Incoming struct {
	URI, URL             string
	Content, SpoilerText string
	Sensitive            bool
	Visibility           Visibility
	Language             string
	// InReplyTo is the parent, when it is known; InReplyToURI names it when it is not.
	InReplyTo       *Status
	InReplyToURI    string
	ConversationURI string
	// ConversationID is the thread that it belongs to, where that began here and the post that it answers is not known; 0 for none.
	ConversationID int64
	Mentions       []Mention
	Tags           []string
	Emojis         []accounts.Emoji
	Attachments    []media.Attachment
	Poll           *Poll
	PublishedAt    time.Time
	EditedAt       time.Time
	Quote          *IncomingQuote
	QuotePolicy    QuotePolicy
	// Depth is how many answers or quotes were followed to it.
	Depth int
	// Quiet says that nobody here is to be told of it (see Posted).
	Quiet bool
	// Old says that it is news to nobody, whenever it was written.
	Old bool
}

// Receive stores a post of another server. One that is there already is given back unchanged; one that was deleted is
// errs.GoneKind. A post of another author under the same id is refused (AUZ-01).
func (s *Service) Receive(ctx context.Context, by *accounts.Account, in Incoming) (*Status, error) {
	st := s.incoming(by, in)
	err := s.DB.Write(ctx, func(tx *db.Tx) error {
		a := addition{Status: st, mentions: in.Mentions, tags: in.Tags, attachments: in.Attachments, pollState: in.Poll, conversationURI: in.ConversationURI, incoming: in.Quote, depth: in.Depth, quiet: in.Quiet, old: in.Old, consents: by.Indexable}
		if a.conversation = in.ConversationID; in.InReplyTo != nil {
			a.conversation = in.InReplyTo.ConversationID
		}
		ok, err := s.add(ctx, tx, a)
		if err != nil {
			return err
		}
		if !ok {
			return s.existing(ctx, tx, by, st)
		}
		return s.adopt(ctx, tx, st)
	})
	if err != nil {
		return nil, fmt.Errorf("receiving %s: %w", in.URI, err)
	}
	return st, nil
}

func (s *Service) incoming(by *accounts.Account, in Incoming) *Status {
	now := s.Clock.Now()
	at := in.PublishedAt
	if at.IsZero() || at.After(now) {
		at = now
	}
	id := ID(s.IDs.Next())
	if now.Sub(at) > time.Minute {
		id = ID(idAt(at))
	}
	st := &Status{
		ID: id, AccountID: by.ID, URI: in.URI, URL: in.URL, Text: in.Content, Content: in.Content, SpoilerText: in.SpoilerText, Sensitive: in.Sensitive || in.SpoilerText != "" || !by.SensitizedAt.IsZero(),
		Visibility: in.Visibility, Language: in.Language, InReplyToURI: in.InReplyToURI, Emojis: in.Emojis, CreatedAt: at, EditedAt: in.EditedAt, QuotePolicy: in.QuotePolicy,
	}
	if !st.EditedAt.After(st.CreatedAt) { // some servers always say when a post changed last
		st.EditedAt = time.Time{}
	}
	replyTo(st, in.InReplyTo)
	return st
}

// existing loads the post that stood in the way of a new one into st.
func (s *Service) existing(ctx context.Context, tx *db.Tx, by *accounts.Account, st *Status) error {
	old, err := scan(tx.QueryRow(ctx, "SELECT "+columns+" FROM statuses s WHERE s.uri = $1", st.URI))
	if errs.IsNotFound(err) {
		gone, err := s.Tombstoned(ctx, tx, st.URI, by.ID)
		if err == nil && gone {
			return errs.New(errs.GoneKind, "this post was deleted")
		}
		return cmp.Or(err, errIDTaken)
	}
	if err != nil {
		return err
	}
	if old.AccountID != by.ID {
		return errs.Forbidden()
	}
	if !old.DeletedAt.IsZero() {
		return errs.New(errs.GoneKind, "this post was deleted")
	}
	*st = *old
	return nil
}

// adopt gives a new post the answers that arrived before it.
func (s *Service) adopt(ctx context.Context, tx *db.Tx, st *Status) error {
	if err := tx.Do(ctx, "adopting answers", "UPDATE statuses SET in_reply_to_id = $1, in_reply_to_account_id = $2, in_reply_to_uri = '' WHERE in_reply_to_uri = $3 AND in_reply_to_uri <> ''",
		st.ID, st.AccountID, st.URI); err != nil {
		return err
	}
	if err := s.adoptQuotes(ctx, tx, st); err != nil {
		return err
	}
	return tx.Do(ctx, "counting answers", `UPDATE statuses SET replies_count = (SELECT COUNT(*) FROM statuses r WHERE r.in_reply_to_id = $1 AND r.in_reply_to_id <> 0 AND r.deleted_at = 0 AND r.visibility <= 1)
WHERE id = $1 AND EXISTS (SELECT 1 FROM statuses r WHERE r.in_reply_to_id = $1 AND r.in_reply_to_id <> 0)`, st.ID)
}
