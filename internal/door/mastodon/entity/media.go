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
	Focus    *Focus      `json:"focus,omitempty"`
	Original *Size       `json:"original,omitempty"`
	Small    *Size       `json:"small,omitempty"`
	Colors   *MetaColors `json:"colors,omitempty"`
}

// Focus is the point of a picture that must not be cut off, each coordinate from -1 to 1.
type Focus struct {
	X float64 `json:"x"`
	Y float64 `json:"y"`
}

// MetaColors go with the cover of a sound, as #rrggbb.
type MetaColors struct {
	Background string `json:"background"`
	Foreground string `json:"foreground"`
	Accent     string `json:"accent"`
}

// Size is a rendition's dimensions in pixels, and for what lasts its frames a second as a fraction, seconds, and bits a second.
type Size struct {
	Width     int     `json:"width,omitempty"`
	Height    int     `json:"height,omitempty"`
	Size      string  `json:"size,omitempty"`
	Aspect    float64 `json:"aspect,omitempty"`
	FrameRate string  `json:"frame_rate,omitempty"`
	Duration  float64 `json:"duration,omitempty"`
	Bitrate   int     `json:"bitrate,omitempty"`
}

func sizeOf(s *media.Size) *Size {
	if s == nil || (s.Width <= 0 || s.Height <= 0) && s.Duration <= 0 {
		return nil
	}
	out := &Size{FrameRate: s.FrameRate, Duration: s.Duration, Bitrate: s.Bitrate}
	if s.Width > 0 && s.Height > 0 {
		out.Width, out.Height, out.Size, out.Aspect = s.Width, s.Height, strconv.Itoa(s.Width)+"x"+strconv.Itoa(s.Height), float64(s.Width)/float64(s.Height)
	}
	return out
}

// Media renders an attachment.
func (r *Renderer) Media(a media.Attachment) MediaAttachment {
	kind := a.Kind
	if kind == "" {
		kind = media.Unknown
	}
	url, preview := r.Deps.Media.Addresses.Shown(a)
	e := MediaAttachment{
		ID: ids.Format(a.ID), Type: kind, URL: textOrNil(url), PreviewURL: textOrNil(preview), RemoteURL: textOrNil(a.RemoteURL),
		PreviewRemoteURL: textOrNil(a.ThumbnailRemoteURL), Description: textOrNil(a.Description), Blurhash: textOrNil(a.Blurhash),
		Meta: &Meta{Original: sizeOf(a.Meta.Original), Small: sizeOf(a.Meta.Small)},
	}
	if f := a.Meta.Focus; f != nil {
		e.Meta.Focus = &Focus{f.X, f.Y}
	}
	if c := a.Meta.Colors; c != nil {
		e.Meta.Colors = &MetaColors{c.Background, c.Foreground, c.Accent}
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
