package media

import (
	"context"
	"fmt"
	"io"

	"github.com/gomph/gomph/internal/domain/accounts"
	"github.com/gomph/gomph/internal/domain/settings"
	"github.com/gomph/gomph/internal/kit/blob"
	"github.com/gomph/gomph/internal/kit/picture"
)

// Mastodon's sizes of what stands for people, in pixels.
const (
	avatarSide                = 400
	headerWidth, headerHeight = 1500, 500
	siteWidth, siteHeight     = 1200, 630
	// MaxProfileImage is how many bytes an avatar or a header may have.
	MaxProfileImage = 8 << 20
	// MaxEmoji is how many bytes a custom emoji may have.
	MaxEmoji = 256 << 10
)

// largeSites is the kind of the larger size of what stands for this server.
const largeSites = "sites@2x"

// An image is how a picture that is no attachment is kept.
type image struct {
	folder string
	most   int64
	shown  picture.Rendition
}

var images = map[string]image{
	Avatars: {"accounts/avatars", MaxProfileImage, picture.Rendition{Width: avatarSide, Height: avatarSide}},
	Headers: {"accounts/headers", MaxProfileImage, picture.Rendition{Width: headerWidth, Height: headerHeight}},
	Emojis:  {"custom_emojis/images", MaxEmoji, picture.Rendition{Pixels: emojiPixels}},
	Sites:   {"site_uploads/files", MaxImage, picture.Rendition{Width: siteWidth, Height: siteHeight}},

	largeSites: {"site_uploads/files", MaxImage, picture.Rendition{Width: 2 * siteWidth, Height: 2 * siteHeight}},
}

// PutImage draws an avatar, a header or an emoji anew and stores it; it gives the name by which it is kept. One that moves is stored a second
// time as it begins, under StillOf its name. The id is of whom or what it stands for.
func (s *Service) PutImage(ctx context.Context, kind string, id int64, file io.Reader, size int64) (string, error) {
	name, _, err := s.putImage(ctx, kind, id, file, size)
	return name, err
}

func (s *Service) putImage(ctx context.Context, kind string, id int64, file io.Reader, size int64) (name, blurhash string, err error) {
	i, known := images[kind]
	if !known {
		return "", "", fmt.Errorf("%q is no kind of picture", kind)
	}
	if size > i.most {
		return "", "", tooLarge(i.most)
	}
	folder, done, err := workFolder()
	if err != nil {
		return "", "", err
	}
	defer done()
	moving, still := i.shown, i.shown
	moving.Moving, still.PNG = true, true
	made, err := picture.MakeApart(ctx, io.LimitReader(file, i.most), folder, moving, still)
	if err != nil {
		return "", "", s.refusal(err)
	}
	first := made.Renditions[0]
	name = blob.Path(i.folder, id, Original, first.Ext)
	if first.Moves {
		if _, err := s.put(ctx, StillOf(name), made.Renditions[1].Path); err != nil {
			return "", "", err
		}
	}
	_, err = s.put(ctx, name, first.Path)
	return name, made.Blurhash, err
}

// DropImages deletes pictures that nobody names any more.
func (s *Service) DropImages(ctx context.Context, names ...string) error {
	var all []string
	for _, name := range names {
		if name == "" || isRemote(name) {
			continue
		}
		all = append(all, name)
		if still := StillOf(name); still != name {
			all = append(all, still)
		}
	}
	return s.Files.Delete(ctx, all...)
}

// DropReplaced deletes the pictures that a profile named before and names no more.
func (s *Service) DropReplaced(ctx context.Context, before, now *accounts.Account) error {
	var gone []string
	if before.Avatar != now.Avatar {
		gone = append(gone, before.Avatar)
	}
	if before.Header != now.Header {
		gone = append(gone, before.Header)
	}
	return s.DropImages(ctx, gone...)
}

// PutThumbnail makes a picture stand for this server, in two sizes.
func (s *Service) PutThumbnail(ctx context.Context, file io.ReadSeeker, size int64) error {
	small, blurhash, err := s.putImage(ctx, Sites, 1, file, size)
	if err != nil {
		return err
	}
	if _, err := file.Seek(0, io.SeekStart); err != nil {
		return fmt.Errorf("reading a picture: %w", err)
	}
	large, _, err := s.putImage(ctx, largeSites, 1, file, size)
	if err != nil {
		return err
	}
	before, err := s.Settings.SetThumbnail(ctx, settings.Thumbnail{Name: small, Large: large, Blurhash: blurhash})
	if err != nil {
		return err
	}
	return s.DropImages(ctx, before.Name, before.Large)
}

// DropThumbnail goes back to Gomph's own.
func (s *Service) DropThumbnail(ctx context.Context) error {
	before, err := s.Settings.SetThumbnail(ctx, settings.Thumbnail{})
	if err != nil {
		return err
	}
	return s.DropImages(ctx, before.Name, before.Large)
}
