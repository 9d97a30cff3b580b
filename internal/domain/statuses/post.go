package statuses

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
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

const (
	// MaxCharacters is how long a post may be, content warning included, counted as Mastodon counts.
	MaxCharacters = 500
	// maxBytes refuses what cannot be within MaxCharacters before it is counted.
	maxBytes = 64 << 10
	// maxMentions bounds whom one post can name (FET-07).
	maxMentions = 100
	// idempotencyAge is how long a repeated Idempotency-Key gets the first answer.
	idempotencyAge = time.Hour
)

// Draft is a post as its author wants it.
type Draft struct {
	Text, SpoilerText string
	Sensitive         bool
	Visibility        Visibility
	Language          string
	InReplyToID       ID
	MediaIDs          []int64
	// MediaDescribed says of an edit that attachments that stay have another description or focus.
	MediaDescribed bool
	Poll           *PollDraft
	ApplicationID  int64
	IdempotencyKey string
	// QuotedStatusID is the post that is quoted, 0 for none, and QuotePolicy says who may quote this one.
	QuotedStatusID ID
	QuotePolicy    QuotePolicy
	// AllowedMentions, when not nil, are the only accounts that the text may mention.
	AllowedMentions []accounts.ID
}

// UnexpectedMentions says that a text mentions others than its author allowed.
type UnexpectedMentions struct{ Accounts []*accounts.Account }

// Error names the failure.
func (*UnexpectedMentions) Error() string { return "The post would be sent to unexpected accounts" }

// rendered is what becomes of a draft's text.
type rendered struct {
	content  string
	mentions []*accounts.Account
	tags     []string
	emojis   []accounts.Emoji
}

func (d *Draft) check() error {
	if strings.TrimSpace(d.Text) == "" && d.SpoilerText != "" {
		d.Text, d.SpoilerText = d.SpoilerText, ""
	}
	blank := strings.TrimSpace(d.Text) == ""
	switch {
	case blank && len(d.MediaIDs) == 0 && d.Poll == nil && d.QuotedStatusID == 0:
		return errs.Invalid("Validation failed: Text can't be blank")
	case blank && d.Poll != nil:
		return errs.Invalid("Validation failed: Text can't be blank")
	case len(d.Text)+len(d.SpoilerText) > maxBytes || text.Count(d.Text, d.SpoilerText) > MaxCharacters:
		return errs.Invalid("Validation failed: Text character limit of %d exceeded", MaxCharacters)
	case len(d.MediaIDs) > media.MaxAttachments:
		return errs.Invalid("Validation failed: Cannot attach more than %d files", media.MaxAttachments)
	case len(d.MediaIDs) > 0 && d.Poll != nil:
		return errs.Invalid("Validation failed: Cannot attach a file to a post with a poll")
	case d.Language != "" && !text.ValidLanguage(d.Language):
		return errs.Invalid("Validation failed: Language is invalid")
	}
	d.Sensitive = d.Sensitive || d.SpoilerText != ""
	if d.Poll != nil {
		return d.Poll.check()
	}
	return nil
}

// Post publishes a draft. A repeated IdempotencyKey gives the first post back.
func (s *Service) Post(ctx context.Context, by *accounts.Account, d Draft) (*Status, error) {
	return s.post(ctx, by, d, nil)
}

// post is Post with something to do first in the transaction that writes the post; nil for nothing.
func (s *Service) post(ctx context.Context, by *accounts.Account, d Draft, before func(*db.Tx) error) (*Status, error) {
	key := ""
	if d.IdempotencyKey != "" {
		key = keyHash(d.IdempotencyKey)
		if st, err := s.repeated(ctx, s.DB, by.ID, key); err == nil || !errs.IsNotFound(err) {
			return st, err
		}
	}
	if err := d.check(); err != nil {
		return nil, err
	}
	if by.Silenced() && d.Visibility == Public {
		d.Visibility = Unlisted
	}
	parent, err := s.parent(ctx, by, d.InReplyToID)
	if err != nil {
		return nil, err
	}
	quoted, err := s.quotable(ctx, by, d.QuotedStatusID)
	if err != nil {
		return nil, err
	}
	if quoted != nil && quoted.Visibility == Private && d.Visibility < Private {
		d.Visibility = Private
	}
	r, err := s.render(ctx, by, d.Text, d.SpoilerText)
	if err != nil {
		return nil, err
	}
	if quoted != nil && d.Visibility == Direct && quoted.AccountID != by.ID && !slices.ContainsFunc(r.mentions, func(a *accounts.Account) bool { return a.ID == quoted.AccountID }) {
		return nil, errs.Invalid("Validation failed: Cannot quote a non-mentioned user in a Private Mention post.")
	}
	if err := allowed(r.mentions, by.ID, d.AllowedMentions); err != nil {
		return nil, err
	}
	now := s.Clock.Now()
	id := ID(s.IDs.Next())
	st := &Status{
		ID: id, AccountID: by.ID, URI: s.Site.StatusURI(by.Username, int64(id)), URL: s.Site.StatusURL(by.Username, int64(id)), Local: true,
		Text: d.Text, Content: withQuote(r.content, quoted), SpoilerText: d.SpoilerText, Sensitive: d.Sensitive, Visibility: d.Visibility, Language: d.Language,
		ApplicationID: d.ApplicationID, Emojis: r.emojis, CreatedAt: now,
	}
	if st.Distributable() {
		st.QuotePolicy = d.QuotePolicy
	}
	replyTo(st, parent)
	quiet, unheard, err := s.circle(ctx, by, st, parent, r.mentions)
	if err != nil {
		return nil, err
	}
	unheard = unheard && (quoted == nil || quoted.Local)
	quote := s.quoting(by, st, quoted)
	var first *Status
	err = s.DB.Write(ctx, func(tx *db.Tx) error {
		first = nil
		if before != nil {
			if err := before(tx); err != nil {
				return err
			}
		}
		if key != "" {
			fresh, err := s.claimKey(ctx, tx, by.ID, key, int64(st.ID), now)
			if err != nil {
				return err
			}
			if !fresh {
				first, err = s.repeated(ctx, tx, by.ID, key)
				return err
			}
		}
		added := addition{Status: st, mentions: mentionsOf(r.mentions), tags: r.tags, poll: d.Poll, mediaIDs: d.MediaIDs, quote: quote, quiet: quiet, unheard: unheard, mailed: by.EmailSubscriptions}
		if parent != nil {
			added.conversation = parent.ConversationID
		}
		_, err := s.add(ctx, tx, added)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("posting: %w", err)
	}
	if first != nil {
		return first, nil
	}
	return st, nil
}

func keyHash(key string) string {
	sum := sha256.Sum256([]byte(key))
	return hex.EncodeToString(sum[:])
}

// claimKey enters what an idempotency key makes, and reports false when it has made something already.
func (s *Service) claimKey(ctx context.Context, tx *db.Tx, by accounts.ID, key string, made int64, now time.Time) (bool, error) {
	n, err := tx.Exec(ctx, `INSERT INTO idempotency_keys (account_id, key_hash, status_id, created_at) VALUES ($1, $2, $3, $4)
ON CONFLICT (account_id, key_hash) DO UPDATE SET status_id = excluded.status_id, created_at = excluded.created_at WHERE idempotency_keys.created_at < $5`,
		by, key, made, db.Ms(now), db.Ms(now.Add(-idempotencyAge)))
	return n == 1, err
}

// repeated finds the post that an idempotency key already made.
func (s *Service) repeated(ctx context.Context, q db.Q, by accounts.ID, key string) (*Status, error) {
	return scan(q.QueryRow(ctx, "SELECT "+columns+` FROM idempotency_keys k JOIN statuses s ON s.id = k.status_id
WHERE k.account_id = $1 AND k.key_hash = $2 AND k.created_at >= $3 AND s.deleted_at = 0`, by, key, db.Ms(s.Clock.Now().Add(-idempotencyAge))))
}

// ForgetKeys removes idempotency keys that are no longer honoured.
func (s *Service) ForgetKeys(ctx context.Context) error {
	return s.DB.Write(ctx, func(tx *db.Tx) error {
		_, err := tx.Exec(ctx, "DELETE FROM idempotency_keys WHERE created_at < $1", db.Ms(s.Clock.Now().Add(-idempotencyAge)))
		return err
	})
}

// parent is the post that is answered: one that the author may see, and never a boost.
func (s *Service) parent(ctx context.Context, by *accounts.Account, id ID) (*Status, error) {
	if id == 0 {
		return nil, nil
	}
	st, err := s.ByID(ctx, s.DB, by.ID, id)
	if err == nil && st.Reblog() {
		st, err = s.ByID(ctx, s.DB, by.ID, st.ReblogOfID)
	}
	if errs.IsNotFound(err) {
		return nil, errs.New(errs.NotFoundKind, "The post you are trying to reply to does not appear to exist.")
	}
	return st, err
}

// replyTo connects a post with its parent. Who goes on in a thread of their own answers whom they answered before.
func replyTo(st, parent *Status) {
	if parent == nil {
		return
	}
	st.InReplyToID, st.InReplyToURI = parent.ID, ""
	st.InReplyToAccountID = parent.AccountID
	if parent.AccountID == st.AccountID && parent.InReplyToAccountID != 0 {
		st.InReplyToAccountID = parent.InReplyToAccountID
	}
}

// render turns what was typed into HTML and finds whom and what it names.
func (s *Service) render(ctx context.Context, by *accounts.Account, src, spoiler string) (rendered, error) {
	var r rendered
	var handles []accounts.Handle
	for _, m := range text.Mentions(src) {
		if len(handles) < maxMentions {
			handles = append(handles, accounts.Handle{Username: m.Username, Domain: m.Domain})
		}
	}
	known, err := s.mentioned(ctx, by, handles)
	if err != nil {
		return r, err
	}
	links := map[string]text.MentionLink{}
	for _, a := range known {
		url := a.URL
		if url == "" {
			url = a.URI
		}
		link := text.MentionLink{Username: a.Username, Domain: a.Domain, URL: url}
		links[strings.ToLower(a.Acct())] = link
		if a.Local() {
			links[strings.ToLower(a.Username)+"@"+s.Site.LocalDomain] = link
			links[strings.ToLower(a.Username)+"@"+s.Site.WebDomain] = link
		}
	}
	r.mentions = known
	r.tags = text.Hashtags(src)
	r.content = text.Format(src, text.FormatOptions{Mentions: links, TagURL: s.Site.TagURL})
	found, err := s.Media.EmojisNamed(ctx, s.DB, text.Shortcodes(spoiler+" "+src))
	if err != nil {
		return r, err
	}
	for _, e := range found {
		r.emojis = append(r.emojis, accounts.Emoji{Shortcode: e.Shortcode, URL: e.Image, StaticURL: e.Image})
	}
	return r, nil
}

// mentioned finds the accounts of handles, asking other servers for those that are not known. Local people who block the
// author are not mentioned.
func (s *Service) mentioned(ctx context.Context, by *accounts.Account, handles []accounts.Handle) ([]*accounts.Account, error) {
	known, err := s.Accounts.ByAccts(ctx, s.DB, handles)
	if err != nil {
		return nil, err
	}
	have := map[accounts.Handle]bool{}
	for _, a := range known {
		have[accounts.Handle{Username: strings.ToLower(a.Username), Domain: a.Domain}] = true
	}
	var missing []accounts.Handle
	for _, h := range handles {
		h = accounts.Handle{Username: strings.ToLower(h.Username), Domain: strings.ToLower(h.Domain)}
		if !s.Site.IsLocalDomain(h.Domain) && !have[h] {
			have[h] = true
			missing = append(missing, h)
		}
	}
	if len(missing) > 0 && s.Resolver != nil {
		more, err := s.Resolver.Resolve(ctx, missing)
		if err != nil {
			return nil, fmt.Errorf("resolving mentions: %w", err)
		}
		known = append(known, more...)
	}
	out := known[:0]
	for _, a := range known {
		if a.Suspended() {
			continue
		}
		out = append(out, a)
	}
	return s.notBlocking(ctx, by, out)
}

func (s *Service) notBlocking(ctx context.Context, by *accounts.Account, list []*accounts.Account) ([]*accounts.Account, error) {
	if len(list) == 0 {
		return nil, nil
	}
	idList := make([]accounts.ID, len(list))
	for i, a := range list {
		idList[i] = a.ID
	}
	blocking, err := db.Column[accounts.ID](ctx, s.DB, "SELECT account_id FROM blocks WHERE target_account_id = $1 AND account_id = ANY($2)", by.ID, db.Array(idList))
	if err != nil {
		return nil, err
	}
	no := map[accounts.ID]bool{}
	for _, id := range blocking {
		no[id] = true
	}
	out := list[:0]
	for _, a := range list {
		if !no[a.ID] {
			out = append(out, a)
		}
	}
	return out, nil
}

func allowed(mentioned []*accounts.Account, by accounts.ID, list []accounts.ID) error {
	if list == nil {
		return nil
	}
	ok := map[accounts.ID]bool{by: true}
	for _, id := range list {
		ok[id] = true
	}
	var unexpected []*accounts.Account
	for _, a := range mentioned {
		if !ok[a.ID] {
			unexpected = append(unexpected, a)
		}
	}
	if len(unexpected) > 0 {
		return &UnexpectedMentions{unexpected}
	}
	return nil
}

func mentionsOf(list []*accounts.Account) []Mention {
	out := make([]Mention, len(list))
	for i, a := range list {
		out[i] = Mention{AccountID: a.ID, Username: a.Username, Acct: a.Acct()}
	}
	return out
}
