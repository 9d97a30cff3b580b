package media

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"

	"github.com/gomph/gomph/internal/kit/blob"
	"github.com/gomph/gomph/internal/kit/clip"
	"github.com/gomph/gomph/internal/kit/errs"
	"github.com/gomph/gomph/internal/kit/fetch"
	"github.com/gomph/gomph/internal/kit/picture"
)

// A wish is how the files of a kind are fetched and kept. The sizes are Mastodon's.
type wish struct {
	folder     string
	most       int64 // bytes
	renditions []picture.Rendition
}

const (
	headerPixels = headerWidth * headerHeight
	emojiPixels  = 256 * 256
	// maxForeignEmoji is how many bytes an emoji of another server may have, whose limit may be another.
	maxForeignEmoji = 1 << 20
)

// accepted is what other servers are asked for.
const accepted = "image/*, video/*, audio/*;q=0.9, */*;q=0.1"

var wishes = map[string]wish{
	Attachments: {"cache/media_attachments/files", MaxVideo, []picture.Rendition{{Pixels: originalPixels, Moving: true, Untouched: true}, {Pixels: smallPixels}}},
	Avatars:     {"cache/accounts/avatars", MaxProfileImage, []picture.Rendition{{Width: avatarSide, Height: avatarSide, Moving: true}, {Width: avatarSide, Height: avatarSide}}},
	Headers:     {"cache/accounts/headers", MaxProfileImage, []picture.Rendition{{Pixels: headerPixels, Moving: true, Untouched: true}, {Pixels: headerPixels}}},
	Emojis:      {"cache/custom_emojis/images", maxForeignEmoji, []picture.Rendition{{Pixels: emojiPixels, Moving: true, Untouched: true}, {Pixels: emojiPixels, PNG: true}}},
	Cards:       {"cache/preview_cards/images", MaxProfileImage, []picture.Rendition{{Pixels: smallPixels}}},
}

// known reports whether files of a kind are shown.
func known(kind string) bool { _, ok := wishes[kind]; return ok }

// get asks for a file, which goes into another; an answer that is too long is fetch.ErrTooLarge.
func (s *Service) get(ctx context.Context, url string, most int64, into io.Writer) error {
	refused, err := s.refused(ctx, url)
	if err != nil {
		return err
	}
	if refused {
		return errs.NotFound()
	}
	_, err = s.Fetch.Do(ctx, fetch.Request{URL: url, MaxBody: most, Timeout: fetchTime, Sink: into, Redirects: 5, Header: http.Header{"Accept": {accepted}}})
	return err
}

// fetchInto fetches a file, makes clean renditions of it, and stores them.
func (s *Service) fetchInto(ctx context.Context, ref Ref) (Kept, error) {
	k := Kept{Ref: ref}
	if s.Fetch == nil || !known(ref.Kind) {
		return k, errs.NotFound()
	}
	leave, err := s.flights.enter(ctx, hostname(ref.URL))
	if err != nil {
		return k, err
	}
	defer leave()
	folder, done, err := workFolder()
	if err != nil {
		return k, err
	}
	defer done()
	w := wishes[ref.Kind]
	at, err := s.fetchFile(ctx, folder, "fetched", ref.URL, w.most)
	if err != nil {
		return k, err
	}
	kind, mime, err := sniffFile(at)
	if err != nil {
		return k, err
	}
	if kind == clip.None || kind == clip.GIF || kind == clip.AVIF || kind == clip.HEIC {
		err = s.keepPicture(ctx, &k, folder, at, kind, w)
	} else if ref.Kind == Attachments {
		err = s.keepClip(ctx, &k, folder, at, kind, mime)
	} else {
		err = picture.ErrFormat
	}
	return k, err
}

func (s *Service) fetchFile(ctx context.Context, folder, name, url string, most int64) (string, error) {
	at := folder + "/" + name
	f, err := os.OpenFile(at, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600) //nolint:gosec // a name of ours
	if err != nil {
		return "", fmt.Errorf("putting a file aside: %w", err)
	}
	err = s.get(ctx, url, most, f)
	return at, errors.Join(err, f.Close())
}

// keepPicture makes and stores the renditions of a picture.
func (s *Service) keepPicture(ctx context.Context, k *Kept, folder, at string, kind clip.Kind, w wish) error {
	if info, err := os.Stat(at); err != nil || info.Size() > MaxImage {
		return errors.Join(err, picture.ErrTooLarge)
	}
	renditions := w.renditions
	if kind == clip.AVIF || kind == clip.HEIC {
		still, err := s.Clips.Still(ctx, at, folder, kind)
		if err != nil {
			return errors.Join(picture.ErrFormat, err)
		}
		at = still.Path
		renditions = make([]picture.Rendition, len(w.renditions))
		for i, r := range w.renditions {
			r.Photo, r.Untouched = true, false
			renditions[i] = r
		}
	}
	f, err := os.Open(at) //nolint:gosec // a name of ours
	if err != nil {
		return fmt.Errorf("reading a fetched picture: %w", err)
	}
	defer f.Close()
	made, err := picture.MakeApart(ctx, f, folder, renditions...)
	if err != nil {
		return err
	}
	k.Meta.Blurhash = made.Blurhash
	first := made.Renditions[0]
	k.Meta.Original = &Size{Width: first.Width, Height: first.Height}
	if k.File, err = s.putKept(ctx, k, first, Original); err != nil || len(made.Renditions) == 1 {
		return err
	}
	second := made.Renditions[1]
	k.Meta.Small = &Size{Width: second.Width, Height: second.Height}
	if !first.Moves && first.Width == second.Width && first.Height == second.Height {
		k.Small = k.File
		return nil
	}
	rendition := Static
	if k.Kind == Attachments {
		rendition = Small
	}
	k.Small, err = s.putKept(ctx, k, second, rendition)
	return err
}

// putKept stores a rendition under a name that nobody can guess.
func (s *Service) putKept(ctx context.Context, k *Kept, e picture.Encoded, rendition string) (string, error) {
	k.size += e.Size
	return s.put(ctx, k.newName(rendition, e.Ext), e.Path)
}

func (k *Kept) newName(rendition, ext string) string {
	folder := wishes[k.Kind].folder
	if k.ID != 0 {
		return blob.Path(folder, k.ID, rendition, ext)
	}
	return blob.Name(folder+"/"+rendition, ext)
}

// keepClip stores what moves or sounds: without its metadata where ffmpeg is there, and as it came otherwise.
func (s *Service) keepClip(ctx context.Context, k *Kept, folder, at string, kind clip.Kind, mime string) error {
	path, ext := at, blob.ExtOf(mime)
	if s.Clips.Can(kind) {
		info, err := s.Clips.Probe(ctx, at, kind)
		if err != nil {
			return err
		}
		k.Meta.Original = sizeOfClip(info)
		if bare, err := s.Clips.Remux(ctx, at, folder, info, mime); err == nil {
			path, ext = bare.Path, bare.Ext
		} else if ours(err) != nil {
			return err
		}
		if info.HasVideo() {
			if frame, err := s.Clips.Poster(ctx, at, folder, info); err == nil {
				if err := s.keepPoster(ctx, k, folder, frame.Path); err != nil {
					return err
				}
			}
		}
	}
	if ext == "" {
		return picture.ErrFormat
	}
	if k.Small == "" && k.Thumbnail != "" {
		// What another server shows instead may be missing; the file is not, for that.
		if cover, err := s.fetchFile(ctx, folder, "cover", k.Thumbnail, MaxImage); err == nil {
			_ = s.keepPoster(ctx, k, folder, cover)
		}
	}
	stat, err := os.Stat(path)
	if err != nil {
		return fmt.Errorf("keeping a file: %w", err)
	}
	k.size += stat.Size()
	k.File, err = s.put(ctx, k.newName(Original, ext), path)
	return err
}

func (s *Service) keepPoster(ctx context.Context, k *Kept, folder, at string) error {
	f, err := os.Open(at) //nolint:gosec // a name of ours
	if err != nil {
		return fmt.Errorf("reading a poster: %w", err)
	}
	defer f.Close()
	made, err := picture.MakeApart(ctx, f, folder, picture.Rendition{Pixels: smallPixels, Photo: true})
	if err != nil {
		return err
	}
	e := made.Renditions[0]
	k.Meta.Blurhash, k.Meta.Small = made.Blurhash, &Size{Width: e.Width, Height: e.Height}
	k.Small, err = s.putKept(ctx, k, e, Small)
	return err
}
