// Package media owns attachments and custom emojis: their rows, and which post an attachment belongs to.
package media

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"slices"
	"time"

	"github.com/gomph/gomph/internal/domain/accounts"
	"github.com/gomph/gomph/internal/domain/instances"
	"github.com/gomph/gomph/internal/domain/settings"
	"github.com/gomph/gomph/internal/kit/blob"
	"github.com/gomph/gomph/internal/kit/clip"
	"github.com/gomph/gomph/internal/kit/clock"
	"github.com/gomph/gomph/internal/kit/db"
	"github.com/gomph/gomph/internal/kit/errs"
	"github.com/gomph/gomph/internal/kit/fetch"
	"github.com/gomph/gomph/internal/kit/ids"
	"github.com/gomph/gomph/internal/kit/jobs"
)

// MaxAttachments is how many attachments a post may have (Mastodon).
const MaxAttachments = 4

// Kinds of attachments.
const (
	Image   = "image"
	GIFV    = "gifv"
	Video   = "video"
	Audio   = "audio"
	Unknown = "unknown"
)

// States of an upload (Mastodon's processing).
const (
	Queued     = "queued"
	InProgress = "in_progress"
	Complete   = "complete"
	Failed     = "failed"
)

// Size is one rendition's dimensions, in pixels; of those that last also how long in seconds, at how many frames and bits a second.
type Size struct {
	Width     int
	Height    int
	FrameRate string // a fraction, as in 30000/1001
	Duration  float64
	Bitrate   int
}

// Point is a focal point, each coordinate from -1 to 1.
type Point struct {
	X float64
	Y float64
}

// Meta is what is known of an attachment's renditions; it is stored as JSON.
type Meta struct {
	Original *Size
	Small    *Size
	Focus    *Point
	Colors   *Colors
}

// Colors are what goes with the cover of a sound, as #rrggbb.
type Colors struct{ Background, Foreground, Accent string }

// Attachment is a file that belongs to a post, or waits for one.
type Attachment struct {
	ID                            int64
	AccountID                     accounts.ID
	StatusID                      int64
	Kind, ContentType             string
	File, Thumbnail               string
	RemoteURL, ThumbnailRemoteURL string
	Description, Blurhash         string
	Meta                          Meta
	// Processing says whether the file can be seen: Queued, InProgress, Complete or Failed.
	Processing string
	// Raw is the stored file of an upload as it came, while it waits.
	Raw       string
	FileSize  int64
	CreatedAt time.Time
}

const columns = `m.id, m.account_id, m.status_id, m.kind, m.content_type, m.file, m.thumbnail, m.remote_url, m.thumbnail_remote_url, m.description, m.blurhash, m.meta, m.processing, m.raw, m.file_size, m.created_at`

func scan(r db.Row) (Attachment, error) {
	var a Attachment
	var meta string
	var created int64
	err := r.Scan(&a.ID, &a.AccountID, &a.StatusID, &a.Kind, &a.ContentType, &a.File, &a.Thumbnail, &a.RemoteURL, &a.ThumbnailRemoteURL, &a.Description, &a.Blurhash, &meta, &a.Processing, &a.Raw, &a.FileSize, &created)
	if err != nil {
		return a, err
	}
	a.CreatedAt = db.At(created)
	return a, json.Unmarshal([]byte(meta), &a.Meta)
}

// Clips works on moving pictures and sound; nil for a server that has no ffmpeg.
type Clips = *clip.Tools

// Deps is what the service stands on.
type Deps struct {
	DB    *db.DB
	IDs   *ids.Source
	Clock clock.Clock
	Jobs  *jobs.Jobs
	// Files keeps what people see; those of other servers too, under names that begin with "cache/".
	Files     blob.Store
	Addresses *Addresses
	Instances *instances.Service
	Settings  *settings.Service
	Site      settings.Site
	// Fetch asks other servers for their files; nil for a process that never does.
	Fetch *fetch.Client
	Clips Clips
	Log   *slog.Logger
}

// Service reads and writes attachments, the pictures of profiles, and custom emojis.
type Service struct {
	Deps
	flights flights
	passed  sniffed
}

// New makes the service.
func New(d Deps) *Service {
	return &Service{Deps: d, flights: flights{slots: make(chan struct{}, fetchesAtOnce), hosts: map[string]*lane{}}}
}

// OfStatuses loads the attachments of posts, in their order; one statement.
func (s *Service) OfStatuses(ctx context.Context, q db.Q, statuses []int64) (map[int64][]Attachment, error) {
	out := map[int64][]Attachment{}
	if len(statuses) == 0 {
		return out, nil
	}
	rows, err := db.All(ctx, q, scan, "SELECT "+columns+" FROM media_attachments m WHERE m.status_id = ANY($1) AND m.status_id <> 0 ORDER BY m.status_id, m.position, m.id", db.Array(statuses))
	if err != nil {
		return nil, fmt.Errorf("loading attachments: %w", err)
	}
	for _, a := range rows {
		out[a.StatusID] = append(out[a.StatusID], a)
	}
	return out, nil
}

// ByID is one of an account's own attachments (MED-09).
func (s *Service) ByID(ctx context.Context, q db.Q, owner accounts.ID, id int64) (Attachment, error) {
	return scan(q.QueryRow(ctx, "SELECT "+columns+" FROM media_attachments m WHERE m.id = $1 AND m.account_id = $2", id, owner))
}

// Attach gives an account's waiting attachments to a post, in the order named. Others' attachments, and those that belong to
// another post, are refused.
func (s *Service) Attach(ctx context.Context, tx *db.Tx, owner accounts.ID, status int64, list []int64) error {
	if err := aloneIfFilm(ctx, tx, list); err != nil {
		return err
	}
	for i, id := range list {
		n, err := tx.Exec(ctx, `UPDATE media_attachments SET status_id = $1, position = $2, updated_at = $3
WHERE id = $4 AND account_id = $5 AND (status_id = 0 AND scheduled_status_id = 0 OR status_id = $1) AND processing = 'complete'`, status, i, db.Ms(s.Clock.Now()), id, owner)
		if err != nil {
			return fmt.Errorf("attaching media: %w", err)
		}
		if n == 0 {
			return errs.Invalid("Validation failed: Cannot attach files that have not finished processing. Try again in a moment!")
		}
	}
	return nil
}

// aloneIfFilm refuses a film or a sound beside other files (Mastodon).
func aloneIfFilm(ctx context.Context, tx *db.Tx, list []int64) error {
	if len(list) < 2 {
		return nil
	}
	film, err := db.Exists(ctx, tx, "SELECT 1 FROM media_attachments WHERE id = ANY($1) AND kind IN ('video', 'audio')", db.Array(list))
	if err != nil {
		return fmt.Errorf("looking for films: %w", err)
	}
	if film {
		return errs.Invalid("Validation failed: Cannot attach a video to a post that already contains images")
	}
	return nil
}

// Detach frees the attachments of a post that are not kept; without a post they are cleaned up later.
func (s *Service) Detach(ctx context.Context, tx *db.Tx, status int64, keep []int64) error {
	_, err := tx.Exec(ctx, "UPDATE media_attachments SET status_id = 0 WHERE status_id = $1 AND status_id <> 0 AND id <> ALL($2)", status, db.Array(keep))
	if err != nil {
		return fmt.Errorf("detaching media: %w", err)
	}
	return nil
}

// AddRemote enters the attachments of a remote post. Those that it had and still has stay what they are, so that their addresses do; others go.
func (s *Service) AddRemote(ctx context.Context, tx *db.Tx, owner accounts.ID, status int64, list []Attachment) error {
	had, err := db.All(ctx, tx, scan, "SELECT "+columns+" FROM media_attachments m WHERE m.status_id = $1 AND m.status_id <> 0 ORDER BY m.position, m.id", status)
	if err != nil {
		return fmt.Errorf("loading attachments: %w", err)
	}
	var fresh, same [][]any
	now := db.Ms(s.Clock.Now())
	for i, a := range list {
		at := slices.IndexFunc(had, func(b Attachment) bool { return b.RemoteURL == a.RemoteURL && b.Kind == a.Kind })
		if at >= 0 { // what was found out of the file itself is kept where the other server still does not say it
			a = a.completedBy(had[at])
		}
		meta, err := json.Marshal(a.Meta)
		if err != nil {
			return err
		}
		if at >= 0 {
			same = append(same, []any{i, a.ContentType, a.ThumbnailRemoteURL, a.Description, a.Blurhash, string(meta), now, had[at].ID})
			had = slices.Delete(had, at, at+1)
			continue
		}
		fresh = append(fresh, []any{s.IDs.Next(), owner, status, i, a.Kind, a.ContentType, a.RemoteURL, a.ThumbnailRemoteURL, a.Description, a.Blurhash, string(meta), now})
	}
	if len(had) > 0 { // swept with what was fetched of them
		gone := make([]int64, len(had))
		for i, a := range had {
			gone[i] = a.ID
		}
		if err := tx.Do(ctx, "replacing attachments", "UPDATE media_attachments SET status_id = 0 WHERE id = ANY($1)", db.Array(gone)); err != nil {
			return err
		}
	}
	if _, err := tx.ExecMany(ctx, "UPDATE media_attachments SET position = $1, content_type = $2, thumbnail_remote_url = $3, description = $4, blurhash = $5, meta = $6, updated_at = $7 WHERE id = $8", same); err != nil {
		return fmt.Errorf("changing attachments: %w", err)
	}
	_, err = tx.ExecMany(ctx, `INSERT INTO media_attachments (id, account_id, status_id, position, kind, content_type, remote_url, thumbnail_remote_url, description, blurhash, meta, created_at, updated_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $12)`, fresh)
	if err != nil {
		return fmt.Errorf("adding attachments: %w", err)
	}
	return nil
}

// completedBy takes over what an attachment does not say and an earlier form of it did.
func (a Attachment) completedBy(b Attachment) Attachment {
	if a.Blurhash == "" {
		a.Blurhash = b.Blurhash
	}
	if a.Meta.Original == nil {
		a.Meta.Original = b.Meta.Original
	}
	if a.Meta.Small == nil {
		a.Meta.Small = b.Meta.Small
	}
	return a
}
