package statuses

import (
	"context"
	"fmt"
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
}

// add writes a post with all its parts, counts it, and emits Posted. It reports false when a post with the same id on the
// network is there already.
func (s *Service) add(ctx context.Context, tx *db.Tx, a addition) (bool, error) {
	st := a.Status
	if err := s.joinConversation(ctx, tx, &a); err != nil {
		return false, err
	}
	tagIDs, err := s.tagIDs(ctx, tx, a.tags)
	if err != nil {
		return false, err
	}
	for part, present := range map[int64]bool{hasMedia: len(a.mediaIDs)+len(a.attachments) > 0, hasMentions: len(a.mentions) > 0, hasTags: len(tagIDs) > 0} {
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
	if err := s.addParts(ctx, tx, a, tagIDs); err != nil {
		return false, err
	}
	if err := s.countPost(ctx, tx, st); err != nil {
		return false, err
	}
	old := !st.Local && s.Clock.Now().Sub(st.CreatedAt) > oldAfter
	return true, s.Jobs.Emit(ctx, tx, Posted{StatusID: st.ID, AccountID: st.AccountID, Local: st.Local, Reblog: st.Reblog(), Visibility: st.Visibility, Old: old})
}

func (s *Service) addParts(ctx context.Context, tx *db.Tx, a addition, tagIDs []int64) error {
	st := a.Status
	if err := s.insertMentions(ctx, tx, st.ID, a.mentions); err != nil {
		return err
	}
	if err := s.insertTags(ctx, tx, st.ID, tagIDs); err != nil {
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
	var err error
	switch {
	case st.Reblog():
		_, err = tx.Exec(ctx, "UPDATE statuses SET reblogs_count = reblogs_count + 1 WHERE id = $1", st.ReblogOfID)
	case st.InReplyToID != 0 && st.Distributable():
		_, err = tx.Exec(ctx, "UPDATE statuses SET replies_count = replies_count + 1 WHERE id = $1", st.InReplyToID)
	}
	if err != nil {
		return fmt.Errorf("counting a post: %w", err)
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
		_, err := tx.Exec(ctx, "INSERT INTO conversations (id, created_at) VALUES ($1, $2)", a.ConversationID, now)
		return err
	}
	var err error
	a.ConversationID, err = db.Value[int64](ctx, tx, `INSERT INTO conversations (id, uri, created_at) VALUES ($1, $2, $3)
ON CONFLICT (uri) WHERE uri <> '' DO UPDATE SET uri = excluded.uri RETURNING id`, a.ConversationID, a.conversationURI, now)
	return err
}

func (s *Service) insert(ctx context.Context, tx *db.Tx, st *Status) (bool, error) {
	n, err := tx.Exec(ctx, `INSERT INTO statuses (id, account_id, uri, url, local, text, content, spoiler_text, sensitive, visibility, language,
  in_reply_to_id, in_reply_to_account_id, in_reply_to_uri, conversation_id, reblog_of_id, poll_id, application_id, emojis, parts, created_at, edited_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21, $22) ON CONFLICT DO NOTHING`,
		st.ID, st.AccountID, st.URI, st.URL, st.Local, st.Text, st.Content, st.SpoilerText, st.Sensitive, int64(st.Visibility), st.Language,
		st.InReplyToID, st.InReplyToAccountID, st.InReplyToURI, st.ConversationID, st.ReblogOfID, st.PollID, st.ApplicationID, encode(st.Emojis), st.parts,
		db.Ms(st.CreatedAt), db.Ms(st.EditedAt))
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
	if _, err := tx.ExecMany(ctx, `INSERT INTO mentions (status_id, account_id, silent) VALUES ($1, $2, $3)
ON CONFLICT (status_id, account_id) DO UPDATE SET silent = mentions.silent AND excluded.silent`, rows); err != nil {
		return fmt.Errorf("writing mentions: %w", err)
	}
	return nil
}

// tagIDs finds or makes the hashtags of the given names, as typed.
func (s *Service) tagIDs(ctx context.Context, tx *db.Tx, names []string) ([]int64, error) {
	if len(names) == 0 {
		return nil, nil
	}
	now := db.Ms(s.Clock.Now())
	rows := make([][]any, 0, len(names))
	norm := make([]string, 0, len(names))
	for _, name := range names {
		n := text.NormalizeTag(name)
		norm = append(norm, n)
		rows = append(rows, []any{s.IDs.Next(), n, name, now})
	}
	const insert = `INSERT INTO tags (id, name, display_name, created_at, last_status_at) VALUES ($1, $2, $3, $4, $4)
ON CONFLICT (name) DO UPDATE SET last_status_at = excluded.last_status_at`
	if len(rows) == 1 {
		id, err := db.Value[int64](ctx, tx, insert+" RETURNING id", rows[0]...)
		return []int64{id}, err
	}
	if _, err := tx.ExecMany(ctx, insert, rows); err != nil {
		return nil, fmt.Errorf("writing tags: %w", err)
	}
	return db.Column[int64](ctx, tx, "SELECT id FROM tags WHERE name = ANY($1)", db.Texts(norm))
}

func (s *Service) insertTags(ctx context.Context, tx *db.Tx, id ID, tagIDs []int64) error {
	rows := make([][]any, len(tagIDs))
	for i, t := range tagIDs {
		rows[i] = []any{t, id}
	}
	if _, err := tx.ExecMany(ctx, "INSERT INTO statuses_tags (tag_id, status_id) VALUES ($1, $2) ON CONFLICT DO NOTHING", rows); err != nil {
		return fmt.Errorf("writing tags of a status: %w", err)
	}
	return nil
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
	Mentions        []Mention
	Tags            []string
	Emojis          []accounts.Emoji
	Attachments     []media.Attachment
	Poll            *Poll
	PublishedAt     time.Time
	EditedAt        time.Time
}

// Receive stores a post of another server. One that is there already is given back unchanged; one that was deleted is
// errs.GoneKind. A post of another author under the same id is refused (AUZ-01).
func (s *Service) Receive(ctx context.Context, by *accounts.Account, in Incoming) (*Status, error) {
	st := s.incoming(by, in)
	err := s.DB.Write(ctx, func(tx *db.Tx) error {
		gone, err := s.Tombstoned(ctx, tx, in.URI, by.ID)
		if err != nil {
			return err
		}
		if gone {
			return errs.New(errs.GoneKind, "this post was deleted")
		}
		a := addition{Status: st, mentions: in.Mentions, tags: in.Tags, attachments: in.Attachments, pollState: in.Poll, conversationURI: in.ConversationURI}
		if in.InReplyTo != nil {
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
		Visibility: in.Visibility, Language: in.Language, InReplyToURI: in.InReplyToURI, Emojis: in.Emojis, CreatedAt: at, EditedAt: in.EditedAt,
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
		return errIDTaken
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
	answers, err := db.Column[ID](ctx, tx, "SELECT id FROM statuses WHERE in_reply_to_uri = $1 AND in_reply_to_uri <> ''", st.URI)
	if err != nil || len(answers) == 0 {
		return err
	}
	if _, err := tx.Exec(ctx, "UPDATE statuses SET in_reply_to_id = $1, in_reply_to_account_id = $2, in_reply_to_uri = '' WHERE id = ANY($3)", st.ID, st.AccountID, db.Array(answers)); err != nil {
		return err
	}
	_, err = tx.Exec(ctx, "UPDATE statuses SET replies_count = (SELECT COUNT(*) FROM statuses r WHERE r.in_reply_to_id = $1 AND r.deleted_at = 0 AND r.visibility <= 1) WHERE id = $1", st.ID)
	return err
}
