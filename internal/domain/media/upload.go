package media

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/gomph/gomph/internal/domain/accounts"
	"github.com/gomph/gomph/internal/kit/blob"
	"github.com/gomph/gomph/internal/kit/clip"
	"github.com/gomph/gomph/internal/kit/db"
	"github.com/gomph/gomph/internal/kit/errs"
	"github.com/gomph/gomph/internal/kit/picture"
)

const (
	// MaxImage and MaxVideo are how many bytes an upload may have (Mastodon), sound included in the latter.
	MaxImage = 16 << 20
	MaxVideo = clip.MaxSize
	// MaxDescription is how many characters describe a file (Mastodon).
	MaxDescription = 1500
	// originalPixels and smallPixels are how large pictures are kept (Mastodon: 3840×2160 and 640×360).
	originalPixels = 8_294_400
	smallPixels    = 230_400
	// attachmentFolder, and incomingFolder for uploads as they came, which nobody ever sees.
	attachmentFolder = "media_attachments/files"
	incomingFolder   = "incoming"
)

// Upload is a file that somebody sends.
type Upload struct {
	Owner accounts.ID
	File  io.ReadSeeker
	Size  int64 // bytes
	// Thumbnail stands for what is no picture; nil for none.
	Thumbnail io.Reader
	Change    Change
}

// Uploaded says that a file waits to be worked on.
type Uploaded struct{ ID int64 }

// Kind names the event.
func (Uploaded) Kind() string { return "media.uploaded" }

// Types are the MIME types that this server takes, in Mastodon's order.
func (s *Service) Types() []string {
	return slices.Concat(picture.Formats, s.Clips.Types())
}

// refusal says in words why a file is refused; other errors stay what they are.
func (s *Service) refusal(err error) error {
	switch {
	case errors.Is(err, picture.ErrTooLarge):
		return errs.Wrap(errs.InvalidKind, err, "Validation failed: File is too large: at most %d pixels", picture.MaxPixels)
	case errors.Is(err, picture.ErrFormat), errors.Is(err, clip.ErrUnavailable):
		return errs.Wrap(errs.InvalidKind, err, "Validation failed: File content type is invalid: only %s", strings.Join(s.Types(), ", "))
	}
	return err
}

// tooLarge refuses a file by its size.
func tooLarge(most int64) error {
	return errs.Invalid("Validation failed: File size must be less than %d MB", most>>20)
}

// Receive takes an upload in: a picture is worked on at once, and complete; what moves or sounds waits for that, and the job that does it is
// entered with it. What a file is, is told by its bytes (MED-01, MED-05).
func (s *Service) Receive(ctx context.Context, u Upload) (Attachment, error) {
	head := make([]byte, clip.SniffLength)
	n, err := io.ReadFull(u.File, head)
	if err != nil && !errors.Is(err, io.ErrUnexpectedEOF) && !errors.Is(err, io.EOF) {
		return Attachment{}, fmt.Errorf("reading an upload: %w", err)
	}
	if _, err := u.File.Seek(0, io.SeekStart); err != nil {
		return Attachment{}, fmt.Errorf("reading an upload: %w", err)
	}
	a := Attachment{ID: s.IDs.Next(), AccountID: u.Owner, CreatedAt: s.Clock.Now(), Processing: Complete, Meta: Meta{Focus: u.Change.Focus}}
	if u.Change.Description != nil {
		a.Description = *u.Change.Description
	}
	kind, mime := clip.Sniff(head[:n])
	still := kind == clip.AVIF || kind == clip.HEIC
	switch {
	case picture.Format(head[:n]) != "" || still && s.Clips.Can(kind):
		if u.Size > MaxImage {
			return a, tooLarge(MaxImage)
		}
		err = s.receivePicture(ctx, &a, u.File, kind)
	case !still && kind != clip.GIF && s.Clips.Can(kind):
		if u.Size > MaxVideo {
			return a, tooLarge(MaxVideo)
		}
		err = s.receiveClip(ctx, &a, u, mime)
	default:
		err = s.refusal(picture.ErrFormat)
	}
	if err == nil {
		err = s.add(ctx, a)
	}
	if err != nil {
		s.discard(ctx, Attachment{}, a)
	}
	return a, err
}

// receivePicture makes the renditions of a picture and stores them.
func (s *Service) receivePicture(ctx context.Context, a *Attachment, file io.Reader, kind clip.Kind) error {
	folder, done, err := workFolder()
	if err != nil {
		return err
	}
	defer done()
	a.Kind = Image
	photo := kind == clip.AVIF || kind == clip.HEIC
	path := "" // of a copy, for those that ffmpeg works on
	if photo || kind == clip.GIF && s.Clips.Can(kind) {
		if path, err = s.aside(ctx, folder, file, kind); err != nil {
			return err
		}
		f, err := os.Open(path) //nolint:gosec // made here
		if err != nil {
			return fmt.Errorf("reading a picture: %w", err)
		}
		defer f.Close()
		file = f
	}
	made, err := picture.MakeApart(ctx, file, folder, picture.Rendition{Pixels: originalPixels, Moving: true, Photo: photo}, picture.Rendition{Pixels: smallPixels, Photo: photo})
	if err != nil {
		return s.refusal(err)
	}
	a.Blurhash = made.Blurhash
	if err := s.putSmall(ctx, a, made.Renditions[1]); err != nil {
		return err
	}
	if made.Moves && path != "" {
		if done, err := s.receiveGIFV(ctx, a, folder, path); done || err != nil {
			return err
		}
	}
	e := made.Renditions[0]
	a.ContentType, a.FileSize, a.Meta.Original = e.Type, e.Size, &Size{Width: e.Width, Height: e.Height}
	a.File, err = s.put(ctx, blob.Path(attachmentFolder, a.ID, Original, e.Ext), e.Path)
	return err
}

// aside copies a picture into a folder; of formats that the picture package does not read, as one that it does.
func (s *Service) aside(ctx context.Context, folder string, file io.Reader, kind clip.Kind) (string, error) {
	at, err := spool(folder, "upload", file, MaxImage)
	if err != nil || kind == clip.GIF {
		return at, err
	}
	still, err := s.Clips.Still(ctx, at, folder, kind)
	return still.Path, err
}

// receiveGIFV turns an animation into a film without sound, as Mastodon does; done is false for one that cannot be, and stays what it is.
func (s *Service) receiveGIFV(ctx context.Context, a *Attachment, folder, path string) (done bool, err error) {
	info, err := s.Clips.Probe(ctx, path, clip.GIF)
	if err != nil {
		return false, ours(err)
	}
	film, err := s.Clips.GIFV(ctx, path, folder, info)
	if err != nil {
		return false, ours(err)
	}
	a.Kind = GIFV
	return true, s.putClip(ctx, a, film)
}

// ours is an error that is not the file's fault.
func ours(err error) error {
	if kind := errs.KindOf(err); kind == errs.InvalidKind || kind == errs.TooLargeKind {
		return nil
	}
	return err
}

// receiveClip stores an upload as it came, to be worked on later.
func (s *Service) receiveClip(ctx context.Context, a *Attachment, u Upload, mime string) error {
	a.Kind, a.ContentType, a.Processing, a.FileSize = Video, mime, Queued, u.Size
	if strings.HasPrefix(mime, "audio/") {
		a.Kind = Audio
	}
	if u.Thumbnail != nil {
		if err := s.receiveThumbnail(ctx, a, u.Thumbnail); err != nil {
			return err
		}
	}
	a.Raw = blob.Name(incomingFolder, "")
	return s.Files.Put(ctx, a.Raw, u.File, u.Size)
}

// receiveThumbnail makes a picture that somebody sent stand for what is none.
func (s *Service) receiveThumbnail(ctx context.Context, a *Attachment, file io.Reader) error {
	folder, done, err := workFolder()
	if err != nil {
		return err
	}
	defer done()
	return s.refusal(s.stand(ctx, a, io.LimitReader(file, MaxImage), folder, false))
}

// stand makes a picture stand for what is none; photo is whether it is one, in whatever format it comes.
func (s *Service) stand(ctx context.Context, a *Attachment, file io.Reader, folder string, photo bool) error {
	made, err := picture.MakeApart(ctx, file, folder, picture.Rendition{Pixels: smallPixels, Photo: photo})
	if err != nil {
		return err
	}
	a.Blurhash = made.Blurhash
	if a.Kind == Audio {
		a.Meta.Colors = &Colors{made.Colors.Background, made.Colors.Foreground, made.Colors.Accent}
	}
	return s.putSmall(ctx, a, made.Renditions[0])
}

func (s *Service) putSmall(ctx context.Context, a *Attachment, e picture.Encoded) (err error) {
	a.Meta.Small = &Size{Width: e.Width, Height: e.Height}
	a.Thumbnail, err = s.put(ctx, blob.Path(attachmentFolder, a.ID, Small, e.Ext), e.Path)
	return err
}

// put stores a finished file under a name.
func (s *Service) put(ctx context.Context, name, path string) (string, error) {
	f, err := os.Open(path) //nolint:gosec // made here
	if err != nil {
		return "", fmt.Errorf("storing a file: %w", err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return "", fmt.Errorf("storing a file: %w", err)
	}
	return name, s.Files.Put(ctx, name, f, info.Size())
}

// workFolder makes a folder for what is worked on; done removes it with everything in it.
func workFolder() (path string, done func(), err error) {
	path, err = os.MkdirTemp("", "gomph-media-")
	if err != nil {
		return "", nil, fmt.Errorf("making a folder to work in: %w", err)
	}
	return path, func() { _ = os.RemoveAll(path) }, nil
}

// spool writes what comes into a file of a folder.
func spool(folder, name string, from io.Reader, most int64) (string, error) {
	at := folder + "/" + name
	f, err := os.OpenFile(at, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600) //nolint:gosec // a name of ours
	if err != nil {
		return "", fmt.Errorf("putting a file aside: %w", err)
	}
	n, err := io.Copy(f, io.LimitReader(from, most+1))
	err = errors.Join(err, f.Close())
	if err == nil && n > most {
		err = tooLarge(most)
	}
	if err != nil {
		return "", fmt.Errorf("putting a file aside: %w", err)
	}
	return at, nil
}

// add enters an upload, with the job that it still needs.
func (s *Service) add(ctx context.Context, a Attachment) error {
	meta, err := json.Marshal(a.Meta)
	if err != nil {
		return err
	}
	err = s.DB.Write(ctx, func(tx *db.Tx) error {
		if _, err := tx.Exec(ctx, `INSERT INTO media_attachments (id, account_id, kind, content_type, file, thumbnail, description, blurhash, meta, processing, raw, file_size, created_at, updated_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $13)`,
			a.ID, a.AccountID, a.Kind, a.ContentType, a.File, a.Thumbnail, a.Description, a.Blurhash, string(meta), a.Processing, a.Raw, a.FileSize, db.Ms(a.CreatedAt)); err != nil {
			return err
		}
		if a.Processing != Queued {
			return nil
		}
		return s.Jobs.Emit(ctx, tx, Uploaded{a.ID})
	})
	if err != nil {
		return fmt.Errorf("entering an attachment: %w", err)
	}
	return nil
}

// Change is what may be changed of a file; nil leaves as it is.
type Change struct {
	Description *string
	Focus       *Point
	Thumbnail   io.Reader
}

// Clamp keeps a focal point within the picture; what is no number is the middle (MED-13).
func (p Point) Clamp() Point {
	in := func(v float64) float64 {
		if math.IsNaN(v) {
			return 0
		}
		return max(-1, min(1, v))
	}
	return Point{in(p.X), in(p.Y)}
}

// Describe changes one of an account's own files: one that waits for a post when status is 0, otherwise one of that post.
func (s *Service) Describe(ctx context.Context, owner accounts.ID, status, id int64, c Change) (Attachment, error) {
	cover := Attachment{ID: id}
	if c.Thumbnail != nil {
		before, err := s.ByID(ctx, s.DB, owner, id)
		if err != nil {
			return before, err
		}
		cover.Kind = before.Kind
		if err := s.receiveThumbnail(ctx, &cover, c.Thumbnail); err != nil {
			return before, err
		}
	}
	var a, replaced Attachment
	err := s.DB.Write(ctx, func(tx *db.Tx) (err error) {
		a, err = scan(tx.QueryRow(ctx, "SELECT "+columns+" FROM media_attachments m WHERE m.id = $1 AND m.account_id = $2 AND m.status_id = $3"+tx.ForUpdate(), id, owner, status))
		if err != nil {
			return err
		}
		if c.Description != nil {
			a.Description = *c.Description
		}
		if c.Focus != nil {
			p := c.Focus.Clamp()
			a.Meta.Focus = &p
		}
		if cover.Thumbnail != "" {
			replaced.Thumbnail = a.Thumbnail
			a.standFor(cover)
		}
		meta, err := json.Marshal(a.Meta)
		if err != nil {
			return err
		}
		_, err = tx.Exec(ctx, "UPDATE media_attachments SET description = $1, meta = $2, thumbnail = $3, blurhash = $4, updated_at = $5 WHERE id = $6",
			a.Description, string(meta), a.Thumbnail, a.Blurhash, db.Ms(s.Clock.Now()), id)
		return err
	})
	if err != nil {
		s.discard(ctx, Attachment{}, cover)
		return a, fmt.Errorf("describing an attachment: %w", err)
	}
	return a, s.Files.Delete(ctx, replaced.files()...)
}

// Remove deletes one of an account's own files that belongs to no post.
func (s *Service) Remove(ctx context.Context, owner accounts.ID, id int64) error {
	a, err := s.ByID(ctx, s.DB, owner, id)
	if err != nil {
		return err
	}
	if a.StatusID != 0 {
		return errs.Invalid("Media attachment is currently used by a status")
	}
	return s.drop(ctx, []Attachment{a})
}

// waitStep is how often Wait looks.
const waitStep = 200 * time.Millisecond

// Wait waits until an upload is worked on, as long as ctx lasts; it gives what is known of it then.
func (s *Service) Wait(ctx context.Context, a Attachment) (Attachment, error) {
	tick := time.NewTicker(waitStep)
	defer tick.Stop()
	for a.Processing == Queued || a.Processing == InProgress {
		select {
		case <-ctx.Done():
			return a, nil
		case <-tick.C:
		}
		now, err := s.ByID(ctx, s.DB, a.AccountID, a.ID)
		if err != nil {
			if ctx.Err() != nil {
				return a, nil
			}
			return a, err
		}
		a = now
	}
	return a, nil
}
