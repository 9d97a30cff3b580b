package entity

import (
	"strconv"
	"time"

	"github.com/gomph/gomph/internal/domain/statuses"
)

// ScheduledStatus is a post that waits for its time.
type ScheduledStatus struct {
	ID               string            `json:"id"`
	ScheduledAt      string            `json:"scheduled_at"`
	Params           ScheduledParams   `json:"params"`
	MediaAttachments []MediaAttachment `json:"media_attachments"`
}

// ScheduledParams are what the post will be made of, as they were given.
type ScheduledParams struct {
	Text                string         `json:"text"`
	Poll                *ScheduledPoll `json:"poll"`
	MediaIDs            []string       `json:"media_ids"`
	Sensitive           *bool          `json:"sensitive"`
	SpoilerText         *string        `json:"spoiler_text"`
	Visibility          string         `json:"visibility"`
	InReplyToID         *int64         `json:"in_reply_to_id"`
	Language            *string        `json:"language"`
	ApplicationID       int64          `json:"application_id"`
	ScheduledAt         *string        `json:"scheduled_at"`
	Idempotency         *string        `json:"idempotency"`
	WithRateLimit       bool           `json:"with_rate_limit"`
	QuotedStatusID      *string        `json:"quoted_status_id"`
	QuoteApprovalPolicy string         `json:"quote_approval_policy"`
}

// ScheduledPoll is the poll of a post in waiting; ExpiresIn counts from its publication, in seconds.
type ScheduledPoll struct {
	Options    []string `json:"options"`
	ExpiresIn  int64    `json:"expires_in"`
	Multiple   bool     `json:"multiple"`
	HideTotals bool     `json:"hide_totals"`
}

// Scheduled renders posts in waiting.
func (r *Renderer) Scheduled(list []*statuses.Scheduled) []ScheduledStatus {
	out := make([]ScheduledStatus, len(list))
	for i, s := range list {
		d := s.Draft
		out[i] = ScheduledStatus{ID: strconv.FormatInt(s.ID, 10), ScheduledAt: stamp(s.At), MediaAttachments: []MediaAttachment{}, Params: ScheduledParams{
			Text: d.Text, Sensitive: &d.Sensitive, SpoilerText: textOrNil(d.SpoilerText), Visibility: d.Visibility.String(), Language: textOrNil(d.Language),
			ApplicationID: d.ApplicationID, Idempotency: textOrNil(d.IdempotencyKey), QuotedStatusID: idOrNil(d.QuotedStatusID), QuoteApprovalPolicy: d.QuotePolicy.Name(),
		}}
		p := &out[i].Params
		if d.InReplyToID != 0 {
			id := int64(d.InReplyToID)
			p.InReplyToID = &id
		}
		for _, id := range d.MediaIDs {
			p.MediaIDs = append(p.MediaIDs, strconv.FormatInt(id, 10))
		}
		if d.Poll != nil {
			p.Poll = &ScheduledPoll{d.Poll.Options, int64(d.Poll.ExpiresIn / time.Second), d.Poll.Multiple, d.Poll.HideTotals}
		}
		for _, m := range s.Media {
			out[i].MediaAttachments = append(out[i].MediaAttachments, r.Media(m))
		}
	}
	return out
}
