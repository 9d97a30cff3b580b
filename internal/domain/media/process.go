package media

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"slices"
	"strconv"

	"github.com/gomph/gomph/internal/kit/blob"
	"github.com/gomph/gomph/internal/kit/clip"
	"github.com/gomph/gomph/internal/kit/db"
	"github.com/gomph/gomph/internal/kit/errs"
	"github.com/gomph/gomph/internal/kit/jobs"
	"github.com/gomph/gomph/internal/kit/sandbox"
)

// ProcessAttempts is how often an upload is worked on before it counts as failed.
const ProcessAttempts = 5

// Process works on an upload that moves or sounds. It is safe to repeat.
func (s *Service) Process(ctx context.Context, e Uploaded) error {
	ctx = sandbox.WhenIdle(ctx)
	before, err := scan(s.DB.QueryRow(ctx, "SELECT "+columns+" FROM media_attachments m WHERE m.id = $1", e.ID))
	if errs.IsNotFound(err) || err == nil && before.settled() {
		return nil // withdrawn, or done already
	}
	if err != nil {
		return fmt.Errorf("loading an upload: %w", err)
	}
	if err := s.DB.Write(ctx, func(tx *db.Tx) error {
		return tx.Do(ctx, "beginning with an upload", "UPDATE media_attachments SET processing = $1 WHERE id = $2", InProgress, before.ID)
	}); err != nil {
		return err
	}
	after := before
	after.Processing = Complete
	if err := s.work(ctx, &after); err != nil {
		s.discard(ctx, before, after)
		if !final(ctx, err) {
			return fmt.Errorf("working on upload %d: %w", before.ID, err)
		}
		s.Log.Info("an upload cannot be shown", "attachment", before.ID, "error", err)
		after = before
		after.Processing = Failed
	}
	return s.finish(ctx, before, after)
}

// settled reports whether nothing more is to be done with an upload.
func (a Attachment) settled() bool { return a.Processing == Complete || a.Processing == Failed }

// final reports whether trying again is useless: the file is at fault, or it was tried often enough. Another worker may have the programs that this
// one lacks.
func final(ctx context.Context, err error) bool {
	return jobs.Attempt(ctx) >= ProcessAttempts || errs.IsNotFound(err) || ours(err) == nil && !errors.Is(err, clip.ErrUnavailable)
}

// finish writes down what became of an upload. What its owner changed meanwhile stays changed.
func (s *Service) finish(ctx context.Context, before, after Attachment) error {
	var unwanted []string
	err := s.DB.Write(ctx, func(tx *db.Tx) error {
		unwanted = []string{before.Raw}
		now, err := scan(tx.QueryRow(ctx, "SELECT "+columns+" FROM media_attachments m WHERE m.id = $1"+tx.ForUpdate(), before.ID))
		if errs.IsNotFound(err) || err == nil && now.Raw != before.Raw {
			unwanted = append(unwanted, fresh(before, after)...) // withdrawn meanwhile
			return jobs.Complete(ctx, tx)
		}
		if err != nil {
			return err
		}
		after.Meta.Focus = now.Meta.Focus
		if now.Thumbnail != before.Thumbnail {
			unwanted = append(unwanted, fresh(Attachment{Thumbnail: before.Thumbnail, File: after.File}, after)...)
			after.standFor(now)
		}
		meta, err := json.Marshal(after.Meta)
		if err != nil {
			return err
		}
		if err := tx.Do(ctx, "finishing an upload", `UPDATE media_attachments SET kind = $1, content_type = $2, file = $3, thumbnail = $4, blurhash = $5, meta = $6, processing = $7, raw = '', file_size = $8, updated_at = $9 WHERE id = $10`,
			after.Kind, after.ContentType, after.File, after.Thumbnail, after.Blurhash, string(meta), after.Processing, after.FileSize, db.Ms(s.Clock.Now()), before.ID); err != nil {
			return err
		}
		return jobs.Complete(ctx, tx)
	})
	if err != nil {
		s.discard(ctx, before, after)
		return fmt.Errorf("finishing upload %d: %w", before.ID, err)
	}
	return s.Files.Delete(ctx, unwanted...)
}

// standFor takes over what stands for another form of the same file.
func (a *Attachment) standFor(b Attachment) {
	a.Thumbnail, a.Blurhash, a.Meta.Small, a.Meta.Colors = b.Thumbnail, b.Blurhash, b.Meta.Small, b.Meta.Colors
}

// files are the names of what is stored of an attachment.
func (a Attachment) files() []string {
	return slices.DeleteFunc([]string{a.File, a.Thumbnail, a.Raw}, func(name string) bool { return name == "" })
}

// fresh are the files that an attachment has and an earlier form of it had not.
func fresh(before, after Attachment) []string {
	had := before.files()
	return slices.DeleteFunc(after.files(), func(name string) bool { return slices.Contains(had, name) })
}

// discard deletes the files of work that came to nothing. What cannot be deleted now is an orphan, which gomph media prune finds.
func (s *Service) discard(ctx context.Context, before, after Attachment) {
	if err := s.Files.Delete(context.WithoutCancel(ctx), fresh(before, after)...); err != nil {
		s.Log.Warn("files of nobody are left", "error", err)
	}
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
	return s.stand(ctx, a, f, folder, true)
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
