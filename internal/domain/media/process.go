package media

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"strconv"

	"github.com/gomph/gomph/internal/kit/blob"
	"github.com/gomph/gomph/internal/kit/clip"
	"github.com/gomph/gomph/internal/kit/db"
	"github.com/gomph/gomph/internal/kit/errs"
	"github.com/gomph/gomph/internal/kit/jobs"
	"github.com/gomph/gomph/internal/kit/picture"
	"github.com/gomph/gomph/internal/kit/sandbox"
)

// ProcessAttempts is how often an upload is worked on before it counts as failed.
const ProcessAttempts = 5

// Process works on an upload that moves or sounds. It is safe to repeat: the files of a run that was not the last are swept later.
func (s *Service) Process(ctx context.Context, e Uploaded) error {
	ctx = sandbox.WhenIdle(ctx)
	a, err := scan(s.DB.QueryRow(ctx, "SELECT "+columns+" FROM media_attachments m WHERE m.id = $1", e.ID))
	if errs.IsNotFound(err) || err == nil && (a.Processing == Complete || a.Processing == Failed) {
		return nil // withdrawn, or done already
	}
	if err != nil {
		return fmt.Errorf("loading an upload: %w", err)
	}
	if err := s.DB.Write(ctx, func(tx *db.Tx) error {
		return tx.Do(ctx, "beginning with an upload", "UPDATE media_attachments SET processing = $1 WHERE id = $2", InProgress, a.ID)
	}); err != nil {
		return err
	}
	raw := a.Raw
	err = s.work(ctx, &a)
	switch {
	case err == nil:
		a.Processing = Complete
	case ours(err) == nil || errs.IsNotFound(err) || jobs.Attempt(ctx) >= ProcessAttempts:
		s.Log.Info("an upload cannot be shown", "attachment", a.ID, "error", err)
		a.Processing = Failed
	default:
		return fmt.Errorf("working on upload %d: %w", a.ID, err)
	}
	meta, err := json.Marshal(a.Meta)
	if err != nil {
		return err
	}
	unwanted := []string{raw}
	err = s.DB.Write(ctx, func(tx *db.Tx) error {
		n, err := tx.Exec(ctx, `UPDATE media_attachments SET kind = $1, content_type = $2, file = $3, thumbnail = $4, blurhash = $5, meta = $6, processing = $7, raw = '', file_size = $8, updated_at = $9
WHERE id = $10 AND raw = $11`, a.Kind, a.ContentType, a.File, a.Thumbnail, a.Blurhash, string(meta), a.Processing, a.FileSize, db.Ms(s.Clock.Now()), a.ID, raw)
		if err != nil {
			return err
		}
		if n == 0 {
			unwanted = append(unwanted, a.File, a.Thumbnail)
		}
		return jobs.Complete(ctx, tx)
	})
	if err != nil {
		return fmt.Errorf("finishing upload %d: %w", a.ID, err)
	}
	return s.Files.Delete(ctx, unwanted...)
}

// work makes what people see of an upload.
func (s *Service) work(ctx context.Context, a *Attachment) error {
	folder, done, err := workFolder()
	if err != nil {
		return err
	}
	defer done()
	at, kind, _, err := s.download(ctx, folder, a.Raw)
	if err != nil {
		return err
	}
	info, err := s.Clips.Probe(ctx, at, kind)
	if err != nil {
		return err
	}
	var made clip.Result
	switch {
	case !info.HasVideo():
		a.Kind = Audio
		made, err = s.Clips.Audio(ctx, at, folder, info)
	case !info.HasAudio(): // as Mastodon: what is silent is shown like an animation
		a.Kind = GIFV
		made, err = s.Clips.GIFV(ctx, at, folder, info)
	default:
		a.Kind = Video
		made, err = s.Clips.Video(ctx, at, folder, info)
	}
	if err != nil {
		return err
	}
	if a.Thumbnail == "" && (info.HasVideo() || info.HasArtwork) {
		if err := s.poster(ctx, a, at, folder, info); err != nil {
			return err
		}
	}
	return s.putClip(ctx, a, made)
}

// download copies a stored file into a folder, and says what it is.
func (s *Service) download(ctx context.Context, folder, name string) (at string, kind clip.Kind, mime string, err error) {
	f, err := s.Files.Open(ctx, name)
	if err != nil {
		return "", "", "", err
	}
	defer f.Close()
	if at, err = spool(folder, "upload", f, MaxVideo); err != nil {
		return "", "", "", err
	}
	kind, mime, err = sniffFile(at)
	return at, kind, mime, err
}

func sniffFile(at string) (clip.Kind, string, error) {
	f, err := os.Open(at) //nolint:gosec // a name of ours
	if err != nil {
		return "", "", fmt.Errorf("reading an upload: %w", err)
	}
	defer f.Close()
	head := make([]byte, clip.SniffLength)
	n, _ := f.Read(head)
	kind, mime := clip.Sniff(head[:n])
	return kind, mime, nil
}

// poster makes a picture that stands for a film, or the cover of a sound.
func (s *Service) poster(ctx context.Context, a *Attachment, at, folder string, info clip.Info) error {
	frame, err := s.Clips.Poster(ctx, at, folder, info)
	if err != nil {
		if a.Kind == Audio {
			return nil //nolint:nilerr // a sound can be heard without its cover
		}
		return err
	}
	f, err := os.Open(frame.Path)
	if err != nil {
		return fmt.Errorf("reading a poster: %w", err)
	}
	defer f.Close()
	made, err := picture.MakeApart(ctx, f, folder, picture.Rendition{Pixels: smallPixels, Photo: true})
	if err != nil {
		return err
	}
	a.Blurhash = made.Blurhash
	if a.Kind == Audio {
		a.Meta.Colors = &Colors{made.Colors.Background, made.Colors.Foreground, made.Colors.Accent}
	}
	return s.putSmall(ctx, a, made.Renditions[0])
}

// putClip stores a finished film or sound.
func (s *Service) putClip(ctx context.Context, a *Attachment, made clip.Result) error {
	stat, err := os.Stat(made.Path)
	if err != nil {
		return fmt.Errorf("storing a file: %w", err)
	}
	a.ContentType, a.FileSize = made.Type, stat.Size()
	a.Meta.Original = sizeOfClip(made.Info)
	a.File, err = s.put(ctx, blob.Path(attachmentFolder, a.ID, Original, made.Ext), made.Path)
	return err
}

func sizeOfClip(i clip.Info) *Size {
	out := &Size{Width: i.Width, Height: i.Height, Duration: i.Duration, Bitrate: i.Bitrate}
	if i.FrameRate > 0 {
		out.FrameRate = fraction(i.FrameRate)
	}
	return out
}

// fraction writes a rate as ffmpeg does: 30/1, or 30000/1001 for those of television.
func fraction(rate float64) string {
	for _, d := range []int{1, 1001} {
		n := rate * float64(d)
		if whole := float64(int(n + 0.5)); n-whole < 0.01 && whole-n < 0.01 {
			return strconv.Itoa(int(whole)) + "/" + strconv.Itoa(d)
		}
	}
	return strconv.Itoa(int(rate*1000+0.5)) + "/1000"
}
