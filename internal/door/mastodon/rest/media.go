package rest

import (
	"context"
	"fmt"
	"mime/multipart"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/gomph/gomph/internal/domain/media"
	"github.com/gomph/gomph/internal/door/mastodon/api"
	"github.com/gomph/gomph/internal/kit/errs"
	"github.com/gomph/gomph/internal/kit/httpio"
)

const (
	// maxUpload is the whole body: a film, a thumbnail, and the form around them.
	maxUpload = media.MaxVideo + media.MaxImage + 1<<20
	// uploadWait is how long the older endpoint waits for a film or a sound to be worked on; then it answers without an address, as the newer one.
	uploadWait = 25 * time.Second
)

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

// thumbnail opens what stands for a film or a sound; nil for none. Close it.
func thumbnail(p *httpio.Params) (multipart.File, error) {
	f := p.File("thumbnail")
	if f == nil {
		return nil, nil
	}
	if f.Size > media.MaxImage {
		return nil, errs.Invalid("Validation failed: Thumbnail file size must be less than %d MB", media.MaxImage>>20)
	}
	return f.Open()
}

// uploadMedia takes a file in. Wait is for the older endpoint, which answers when the file can be seen; the newer one says that it cannot yet.
func (a *API) uploadMedia(wait bool) api.Handler {
	return func(w http.ResponseWriter, r *api.Request) error {
		f := r.Params.File("file")
		if f == nil {
			return errs.Invalid("Validation failed: File can't be blank")
		}
		c, err := mediaChange(r.Params)
		if err != nil {
			return err
		}
		file, err := f.Open()
		if err != nil {
			return fmt.Errorf("opening an upload: %w", err)
		}
		defer file.Close()
		u := media.Upload{Owner: r.Viewer(), File: file, Size: f.Size, Change: c}
		cover, err := thumbnail(r.Params)
		if err != nil {
			return err
		}
		if cover != nil {
			defer cover.Close()
			u.Thumbnail = cover
		}
		at, err := a.Media.Receive(r.Context(), u)
		if err != nil {
			return err
		}
		status := http.StatusAccepted
		if wait || at.Processing == media.Complete {
			status = http.StatusOK
		}
		if wait {
			ctx, cancel := context.WithTimeout(r.Context(), uploadWait)
			defer cancel()
			if at, err = a.Media.Wait(ctx, at); err != nil {
				return err
			}
			if at.Processing == media.Failed {
				return errProcessing()
			}
		}
		return httpio.JSON(w, status, a.Render.Media(at))
	}
}

// errProcessing says that an upload turned out to be one that cannot be shown; the words are Mastodon's.
func errProcessing() error { return errs.Invalid("Error processing thumbnail for uploaded media") }

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
	switch at.Processing {
	case media.Failed:
		return errProcessing()
	case media.Queued, media.InProgress:
		return httpio.JSON(w, http.StatusPartialContent, a.Render.Media(at))
	}
	return ok(w, a.Render.Media(at))
}

func (a *API) updateMedia(w http.ResponseWriter, r *api.Request) error {
	c, err := mediaChange(r.Params)
	if err != nil {
		return err
	}
	cover, err := thumbnail(r.Params)
	if err != nil {
		return err
	}
	if cover != nil {
		defer cover.Close()
		c.Thumbnail = cover
	}
	at, err := a.Media.Describe(r.Context(), r.Viewer(), 0, r.ID("id"), c)
	if err != nil {
		return err
	}
	return ok(w, a.Render.Media(at))
}

func (a *API) deleteMedia(w http.ResponseWriter, r *api.Request) error {
	if err := a.Media.Remove(r.Context(), r.Viewer(), r.ID("id")); err != nil {
		return err
	}
	return empty(w)
}
