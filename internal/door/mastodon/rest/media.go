package rest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"image"
	"io"
	"mime/multipart"
	"net/http"
	"strconv"
	"strings"

	"github.com/gomph/gomph/internal/domain/media"
	"github.com/gomph/gomph/internal/door/mastodon/api"
	"github.com/gomph/gomph/internal/kit/blob"
	"github.com/gomph/gomph/internal/kit/errs"
	"github.com/gomph/gomph/internal/kit/httpio"
	"github.com/gomph/gomph/internal/kit/picture"
)

const (
	// maxImage is how many bytes an uploaded picture has (Mastodon).
	maxImage = 16 << 20
	// maxUpload is the whole body: a picture, a thumbnail, and the form around them.
	maxUpload = maxImage + 4<<20
	// originalPixels and smallPixels are how large pictures are kept (Mastodon: 3840×2160 and 640×360).
	originalPixels = 8_294_400
	smallPixels    = 230_400
)

// errPicture says in words why a picture is refused.
func errPicture(err error) error {
	switch {
	case errors.Is(err, picture.ErrTooLarge):
		return errs.Wrap(errs.InvalidKind, err, "Validation failed: File is too large: at most %d pixels", picture.MaxPixels)
	case errors.Is(err, picture.ErrFormat):
		return errs.Wrap(errs.InvalidKind, err, "Validation failed: File content type is invalid: only %s", strings.Join(picture.Formats, ", "))
	}
	return err
}

// readFile takes an upload into memory.
func readFile(f *multipart.FileHeader, most int64) ([]byte, error) {
	if f.Size > most {
		return nil, errs.Invalid("Validation failed: File size must be less than %d MB", most>>20)
	}
	r, err := f.Open()
	if err != nil {
		return nil, fmt.Errorf("opening an upload: %w", err)
	}
	defer r.Close()
	return io.ReadAll(io.LimitReader(r, most+1))
}

func mediaChange(p *httpio.Params) (media.Change, error) {
	c := media.Change{Description: p.Text("description")}
	if c.Description != nil && len([]rune(*c.Description)) > media.MaxDescription {
		return c, errs.Invalid("Validation failed: Description is too long (maximum is %d characters)", media.MaxDescription)
	}
	if s := p.String("focus"); s != "" {
		x, y, _ := strings.Cut(s, ",")
		fx, errX := strconv.ParseFloat(strings.TrimSpace(x), 64)
		fy, errY := strconv.ParseFloat(strings.TrimSpace(y), 64)
		if errX != nil || errY != nil {
			return c, errs.Invalid("Validation failed: Focus must be two numbers with a comma between")
		}
		c.Focus = new(media.Point{X: fx, Y: fy}.Clamp())
	}
	return c, nil
}

func (a *API) uploadMedia(w http.ResponseWriter, r *api.Request) error {
	f := r.Params.File("file")
	if f == nil {
		return errs.Invalid("Validation failed: File can't be blank")
	}
	c, err := mediaChange(r.Params)
	if err != nil {
		return err
	}
	body, err := readFile(f, maxImage)
	if err != nil {
		return err
	}
	at, err := a.storeMedia(r.Context(), body)
	if err != nil {
		return errPicture(err)
	}
	at.AccountID, at.Meta.Focus = r.Viewer(), c.Focus
	if c.Description != nil {
		at.Description = *c.Description
	}
	if at, err = a.Media.Add(r.Context(), at); err != nil {
		return err
	}
	return ok(w, a.Render.Media(at))
}

// storeMedia draws a picture anew, in its two sizes, and stores both.
func (a *API) storeMedia(ctx context.Context, body []byte) (media.Attachment, error) {
	at := media.Attachment{Kind: media.Image}
	var original, small picture.Encoded
	err := a.studio.Do(ctx, func() error {
		p, err := picture.Decode(body)
		if err != nil {
			return err
		}
		if p.Animation != nil {
			original, err = p.EncodeAnimation()
		} else {
			original, err = p.Encode(picture.Fit(p.Image, originalPixels))
		}
		if err != nil {
			return err
		}
		preview := picture.Fit(p.Image, smallPixels)
		if small, err = p.Encode(preview); err != nil {
			return err
		}
		at.Blurhash, err = picture.Blurhash(preview)
		return err
	})
	if err != nil {
		return at, err
	}
	at.ContentType, at.FileSize = original.Type, int64(len(original.Bytes))
	at.File, at.Thumbnail = blob.Name("media", original.Ext), blob.Name("media", small.Ext)
	at.Meta.Original, at.Meta.Small = &media.Size{Width: original.Width, Height: original.Height}, &media.Size{Width: small.Width, Height: small.Height}
	if err := a.Files.Put(ctx, at.File, bytes.NewReader(original.Bytes), int64(len(original.Bytes))); err != nil {
		return at, err
	}
	return at, a.Files.Put(ctx, at.Thumbnail, bytes.NewReader(small.Bytes), int64(len(small.Bytes)))
}

// waiting is one of the person's own files that belongs to no post yet.
func (a *API) waiting(r *api.Request) (media.Attachment, error) {
	at, err := a.Media.ByID(r.Context(), a.DB, r.Viewer(), r.ID("id"))
	if err == nil && at.StatusID != 0 {
		return at, errs.NotFound()
	}
	return at, err
}

func (a *API) showMedia(w http.ResponseWriter, r *api.Request) error {
	at, err := a.waiting(r)
	if err != nil {
		return err
	}
	return ok(w, a.Render.Media(at))
}

func (a *API) updateMedia(w http.ResponseWriter, r *api.Request) error {
	c, err := mediaChange(r.Params)
	if err != nil {
		return err
	}
	at, err := a.Media.Describe(r.Context(), r.Viewer(), 0, r.ID("id"), c)
	if err != nil {
		return err
	}
	return ok(w, a.Render.Media(at))
}

func (a *API) deleteMedia(w http.ResponseWriter, r *api.Request) error {
	if err := a.Media.Remove(r.Context(), a.Files, r.Viewer(), r.ID("id")); err != nil {
		return err
	}
	return empty(w)
}

// storeImage draws a profile's picture anew in exactly one size, and stores it; it gives the new file's name.
func (a *API) storeImage(ctx context.Context, f *multipart.FileHeader, folder string, size image.Point) (string, error) {
	body, err := readFile(f, maxProfileImage)
	if err != nil {
		return "", err
	}
	var done picture.Encoded
	err = a.studio.Do(ctx, func() error {
		p, err := picture.Decode(body)
		if err != nil {
			return err
		}
		done, err = p.Encode(picture.Fill(p.Image, size.X, size.Y))
		return err
	})
	if err != nil {
		return "", errPicture(err)
	}
	name := blob.Name(folder, done.Ext)
	return name, a.Files.Put(ctx, name, bytes.NewReader(done.Bytes), int64(len(done.Bytes)))
}
