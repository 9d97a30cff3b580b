package statuses

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/gomph/gomph/internal/domain/accounts"
	"github.com/gomph/gomph/internal/domain/media"
	"github.com/gomph/gomph/internal/kit/db"
	"github.com/gomph/gomph/internal/kit/errs"
)

// Version is a post as it was, or is.
type Version struct {
	Content, SpoilerText string
	Sensitive            bool
	Emojis               []accounts.Emoji
	Media                []media.Attachment
	PollOptions          []string
	CreatedAt            time.Time
}

// Edit changes one of the author's posts and keeps what it was. Boosts cannot be edited.
func (s *Service) Edit(ctx context.Context, by *accounts.Account, id ID, d Draft) (*Status, error) {
	st, err := scan(s.DB.QueryRow(ctx, "SELECT "+columns+" FROM statuses s WHERE s.id = $1 AND s.account_id = $2 AND s.deleted_at = 0 AND s.reblog_of_id = 0", id, by.ID))
	if err != nil {
		return nil, err
	}
	quoted, err := s.stillQuoted(ctx, st)
	if err != nil {
		return nil, err
	}
	if quoted != nil {
		d.QuotedStatusID = quoted.ID
	}
	if err := d.check(); err != nil {
		return nil, err
	}
	r, err := s.render(ctx, by, d.Text, d.SpoilerText)
	if err != nil {
		return nil, err
	}
	next := *st
	next.Text, next.Content, next.SpoilerText, next.Sensitive, next.Emojis = d.Text, withQuote(r.content, quoted), d.SpoilerText, d.Sensitive, r.emojis
	if d.Language != "" {
		next.Language = d.Language
	}
	e := edition{old: st, next: &next, mentions: mentionsOf(r.mentions), tags: r.tags, at: s.Clock.Now()}
	err = s.DB.Write(ctx, func(tx *db.Tx) error {
		had, err := s.Media.OfStatuses(ctx, tx, []int64{int64(id)})
		if err != nil {
			return err
		}
		e.oldMedia = had[int64(id)]
		e.mediaChanged = d.MediaDescribed || !sameMedia(e.oldMedia, d.MediaIDs)
		pollChanged, err := s.pollChanges(ctx, tx, st, d.Poll)
		if err != nil {
			return err
		}
		e.pollChanged = pollChanged
		if !e.significant() {
			return nil
		}
		if err := s.keepVersion(ctx, tx, e); err != nil {
			return err
		}
		if e.mediaChanged {
			if err := s.Media.Detach(ctx, tx, int64(id), d.MediaIDs); err != nil {
				return err
			}
			if err := s.Media.Attach(ctx, tx, by.ID, int64(id), d.MediaIDs); err != nil {
				return err
			}
		}
		if pollChanged {
			if err := s.replacePoll(ctx, tx, &next, d.Poll); err != nil {
				return err
			}
		}
		e.hasMedia = len(d.MediaIDs) > 0
		return s.change(ctx, tx, e)
	})
	if err != nil {
		return nil, fmt.Errorf("editing: %w", err)
	}
	return e.next, nil
}

// edition is a change of a post on its way into the database.
type edition struct {
	old, next                           *Status
	mentions                            []Mention
	tags                                []string
	oldMedia                            []media.Attachment
	mediaChanged, pollChanged, hasMedia bool
	at                                  time.Time
}

func (e *edition) significant() bool {
	return e.mediaChanged || e.pollChanged || e.old.Content != e.next.Content || e.old.Text != e.next.Text ||
		e.old.SpoilerText != e.next.SpoilerText || e.old.Sensitive != e.next.Sensitive
}

func sameMedia(have []media.Attachment, want []int64) bool {
	if len(have) != len(want) {
		return false
	}
	for i, m := range have {
		if m.ID != want[i] {
			return false
		}
	}
	return true
}

// keepVersion writes down what a post was before a change.
func (s *Service) keepVersion(ctx context.Context, tx *db.Tx, e edition) error {
	since := e.old.EditedAt
	if since.IsZero() {
		since = e.old.CreatedAt
	}
	var options []string
	if e.old.PollID != 0 {
		polls, err := s.Polls(ctx, tx, 0, []int64{e.old.PollID})
		if err != nil {
			return err
		}
		if p := polls[e.old.PollID]; p != nil {
			options = p.Options
		}
	}
	_, err := tx.Exec(ctx, `INSERT INTO status_edits (id, status_id, account_id, text, content, spoiler_text, sensitive, emojis, media, poll_options, created_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)`,
		s.IDs.Next(), e.old.ID, e.old.AccountID, e.old.Text, e.old.Content, e.old.SpoilerText, e.old.Sensitive, encode(e.old.Emojis), encode(e.oldMedia), encode(options), db.Ms(since))
	if err != nil {
		return fmt.Errorf("keeping a version: %w", err)
	}
	return nil
}

// change writes the new state of a post and emits Edited. Whoever was mentioned stays so: they saw the post already.
func (s *Service) change(ctx context.Context, tx *db.Tx, e edition) error {
	st := e.next
	st.EditedAt = e.at
	if err := tx.Do(ctx, "removing tags of a status", "DELETE FROM statuses_tags WHERE status_id = $1", st.ID); err != nil {
		return err
	}
	if err := s.insertTags(ctx, tx, st.ID, e.tags); err != nil {
		return err
	}
	if err := s.insertMentions(ctx, tx, st.ID, e.mentions); err != nil {
		return err
	}
	parts := st.parts & (hasMentions | hasQuote)
	sameLinks := e.old.Content == st.Content && !e.mediaChanged
	if sameLinks {
		parts |= st.parts & hasCard
	}
	if len(e.mentions) > 0 {
		parts |= hasMentions
	}
	if e.hasMedia {
		parts |= hasMedia
	}
	if len(e.tags) > 0 {
		parts |= hasTags
	}
	st.parts = parts
	if err := tx.Do(ctx, "changing a status", `UPDATE statuses SET text = $1, content = $2, spoiler_text = $3, sensitive = $4, language = $5, emojis = $6, parts = $7, edited_at = $8, poll_id = $9, url = $10 WHERE id = $11`,
		st.Text, st.Content, st.SpoilerText, st.Sensitive, st.Language, encode(st.Emojis), parts, db.Ms(st.EditedAt), st.PollID, st.URL, st.ID); err != nil {
		return err
	}
	if !sameLinks {
		if err := s.linked(ctx, tx, st, e.mentions); err != nil {
			return err
		}
	}
	return s.Jobs.Emit(ctx, tx, Edited{StatusID: st.ID, AccountID: st.AccountID, Local: st.Local})
}

// ReceiveEdit brings a post of another server up to date. An older edit than the one known changes nothing; one without a
// time only brings poll results and counts.
func (s *Service) ReceiveEdit(ctx context.Context, by *accounts.Account, in Incoming) (*Status, error) {
	var out *Status
	err := s.DB.Write(ctx, func(tx *db.Tx) error {
		st, err := s.ByURI(ctx, tx, in.URI)
		if err != nil {
			return err
		}
		if st.AccountID != by.ID {
			return errs.Forbidden()
		}
		out = st
		if in.Poll != nil && st.PollID != 0 {
			if err := s.updateTallies(ctx, tx, st, in.Poll); err != nil {
				return err
			}
		}
		quoteChanged, err := s.takeQuote(ctx, tx, st, in)
		if err != nil {
			return err
		}
		if in.QuotePolicy != st.QuotePolicy && !in.EditedAt.Before(st.EditedAt) {
			st.QuotePolicy = in.QuotePolicy
			if err := tx.Do(ctx, "changing who may quote a post", "UPDATE statuses SET quote_approval_policy = $1 WHERE id = $2", int64(in.QuotePolicy), st.ID); err != nil {
				return err
			}
		}
		if quoteChanged {
			if err := s.refreshed(ctx, tx, st); err != nil {
				return err
			}
		}
		if in.EditedAt.IsZero() || !in.EditedAt.After(st.EditedAt) {
			return s.keepLate(ctx, tx, st, in)
		}
		next := *st
		next.Text, next.Content, next.SpoilerText, next.Emojis = in.Content, in.Content, in.SpoilerText, in.Emojis
		next.Sensitive = in.Sensitive || in.SpoilerText != ""
		if in.Language != "" {
			next.Language = in.Language
		}
		if in.URL != "" {
			next.URL = in.URL
		}
		had, err := s.Media.OfStatuses(ctx, tx, []int64{int64(st.ID)})
		if err != nil {
			return err
		}
		e := edition{old: st, next: &next, mentions: in.Mentions, tags: in.Tags, oldMedia: had[int64(st.ID)], hasMedia: len(in.Attachments) > 0, at: in.EditedAt}
		e.mediaChanged = !sameRemoteMedia(e.oldMedia, in.Attachments)
		if e.pollChanged, err = s.otherPoll(ctx, tx, st, in.Poll); err != nil {
			return err
		}
		if !e.significant() {
			return nil
		}
		if err := s.keepVersion(ctx, tx, e); err != nil {
			return err
		}
		if e.pollChanged {
			if err := s.replaceRemotePoll(ctx, tx, &next, in.Poll); err != nil {
				return err
			}
		}
		if e.mediaChanged {
			if err := s.Media.AddRemote(ctx, tx, by.ID, int64(st.ID), in.Attachments); err != nil {
				return err
			}
		}
		out = &next
		return s.change(ctx, tx, e)
	})
	if err != nil {
		return nil, fmt.Errorf("editing %s: %w", in.URI, err)
	}
	return out, nil
}

// keepLate writes down an older version that arrives after a newer one, so that the history is the same in whatever order they come.
func (s *Service) keepLate(ctx context.Context, tx *db.Tx, st *Status, in Incoming) error {
	at := in.EditedAt
	if at.IsZero() || !at.After(st.CreatedAt) {
		at = st.CreatedAt
	}
	if st.EditedAt.IsZero() || !at.Before(st.EditedAt) {
		return nil
	}
	var options []string
	if in.Poll != nil {
		options = in.Poll.Options
	}
	_, err := tx.Exec(ctx, `INSERT INTO status_edits (id, status_id, account_id, text, content, spoiler_text, sensitive, emojis, media, poll_options, created_at)
SELECT $1, $2, $3, $4, $4, $5, $6, $7, $8, $9, $10 WHERE NOT EXISTS (SELECT 1 FROM status_edits WHERE status_id = $2 AND created_at = $10)`,
		s.IDs.Next(), st.ID, st.AccountID, in.Content, in.SpoilerText, in.Sensitive || in.SpoilerText != "", encode(in.Emojis), encode(in.Attachments), encode(options), db.Ms(at))
	return err
}

func sameRemoteMedia(have, want []media.Attachment) bool {
	if len(have) != len(want) {
		return false
	}
	for i := range have {
		if have[i].RemoteURL != want[i].RemoteURL || have[i].Description != want[i].Description {
			return false
		}
	}
	return true
}

// Versions lists what a post was and is, the oldest first.
func (s *Service) Versions(ctx context.Context, q db.Q, st *Status) ([]Version, error) {
	out, err := db.All(ctx, q, func(r db.Row) (Version, error) {
		var v Version
		var emojis, attachments, options string
		var created int64
		if err := r.Scan(&v.Content, &v.SpoilerText, &v.Sensitive, &emojis, &attachments, &options, &created); err != nil {
			return v, err
		}
		v.CreatedAt = db.At(created)
		if err := json.Unmarshal([]byte(emojis), &v.Emojis); err != nil {
			return v, err
		}
		if err := json.Unmarshal([]byte(attachments), &v.Media); err != nil {
			return v, err
		}
		return v, json.Unmarshal([]byte(options), &v.PollOptions)
	}, "SELECT content, spoiler_text, sensitive, emojis, media, poll_options, created_at FROM status_edits WHERE status_id = $1 ORDER BY created_at, id", st.ID)
	if err != nil {
		return nil, fmt.Errorf("loading versions: %w", err)
	}
	now := Version{Content: st.Content, SpoilerText: st.SpoilerText, Sensitive: st.Sensitive, Emojis: st.Emojis, CreatedAt: st.EditedAt}
	if now.CreatedAt.IsZero() {
		now.CreatedAt = st.CreatedAt
	}
	m, err := s.Media.OfStatuses(ctx, q, []int64{int64(st.ID)})
	if err != nil {
		return nil, err
	}
	now.Media = m[int64(st.ID)]
	if st.PollID != 0 {
		polls, err := s.Polls(ctx, q, 0, []int64{st.PollID})
		if err != nil {
			return nil, err
		}
		if p := polls[st.PollID]; p != nil {
			now.PollOptions = p.Options
		}
	}
	return append(out, now), nil
}
