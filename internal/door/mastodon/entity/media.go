package entity

import (
	"strconv"

	"github.com/gomph/gomph/internal/domain/media"
	"github.com/gomph/gomph/internal/kit/ids"
)

// MediaAttachment is a file of a post.
type MediaAttachment struct {
	ID               string  `json:"id"`
	Type             string  `json:"type"`
	URL              *string `json:"url"`
	PreviewURL       *string `json:"preview_url"`
	RemoteURL        *string `json:"remote_url"`
	PreviewRemoteURL *string `json:"preview_remote_url"`
	TextURL          *string `json:"text_url"`
	Meta             *Meta   `json:"meta"`
	Description      *string `json:"description"`
	Blurhash         *string `json:"blurhash"`
}

// Meta is what is known of a file's renditions.
type Meta struct {
	Focus    *Focus `json:"focus,omitempty"`
	Original *Size  `json:"original,omitempty"`
	Small    *Size  `json:"small,omitempty"`
}

// Focus is the point of a picture that must not be cut off, each coordinate from -1 to 1.
type Focus struct {
	X float64 `json:"x"`
	Y float64 `json:"y"`
}

// Size is a rendition's dimensions.
type Size struct {
	Width  int     `json:"width"`
	Height int     `json:"height"`
	Size   string  `json:"size"`
	Aspect float64 `json:"aspect"`
}

func sizeOf(s *media.Size) *Size {
	if s == nil || s.Width <= 0 || s.Height <= 0 {
		return nil
	}
	return &Size{s.Width, s.Height, strconv.Itoa(s.Width) + "x" + strconv.Itoa(s.Height), float64(s.Width) / float64(s.Height)}
}

// Media renders an attachment. Files that are not kept here are linked where they are.
func (r *Renderer) Media(a media.Attachment) MediaAttachment {
	kind := a.Kind
	if kind == "" {
		kind = media.Unknown
	}
	url, preview := a.File, a.Thumbnail
	if url == "" {
		url = a.RemoteURL
	}
	if preview == "" {
		preview = a.ThumbnailRemoteURL
	}
	if preview == "" && kind == media.Image {
		preview = url
	}
	e := MediaAttachment{
		ID: ids.Format(a.ID), Type: kind, URL: textOrNil(r.asset(url)), PreviewURL: textOrNil(r.asset(preview)), RemoteURL: textOrNil(a.RemoteURL),
		PreviewRemoteURL: textOrNil(a.ThumbnailRemoteURL), Description: textOrNil(a.Description), Blurhash: textOrNil(a.Blurhash),
		Meta: &Meta{Original: sizeOf(a.Meta.Original), Small: sizeOf(a.Meta.Small)},
	}
	if f := a.Meta.Focus; f != nil {
		e.Meta.Focus = &Focus{f.X, f.Y}
	}
	return e
}

func (r *Renderer) mediaList(in []media.Attachment) []MediaAttachment {
	out := make([]MediaAttachment, 0, len(in))
	for _, a := range in {
		out = append(out, r.Media(a))
	}
	return out
}
