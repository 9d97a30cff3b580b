// Package clip owns what ffmpeg does for us: telling what a file of moving pictures or sound is, and making clean ones of it.
//
// Programs are found when the process starts (Find) and each run of one is bounded (run.go). What a file is, is told by its content (Sniff),
// and ffmpeg is held to that: a playlist cannot pose as a video. What comes out has no metadata, chapters, subtitles or attachments.
package clip

import (
	"context"
	"log/slog"
	"os/exec"
	"time"

	"github.com/gomph/gomph/internal/kit/errs"
	"github.com/gomph/gomph/internal/kit/sandbox"
)

// The limits are Mastodon's (app/models/media_attachment.rb) where it has some.
const (
	// MaxSize is how many bytes a video or sound may have, before and after (VIDEO_LIMIT).
	MaxSize = 99 << 20
	// MaxVideoPixels is how many pixels a frame may have (MAX_VIDEO_MATRIX_LIMIT), MaxFrameRate how many frames a second may
	// (MAX_VIDEO_FRAME_RATE), and MaxFrames how many there may be together (MAX_VIDEO_FRAMES).
	MaxVideoPixels = 8_294_400
	MaxFrameRate   = 120
	MaxFrames      = 36_000
	// MaxStillPixels is how many pixels a picture may have, as in the picture package.
	MaxStillPixels = 33_177_600
	// maxSide keeps a frame of few pixels from being absurdly long, as in the picture package.
	maxSide = 16_384
	// posterPixels is how many pixels a poster may have: 640×360.
	posterPixels = 230_400
	// madeRate is up to how many frames a second are written: what screens show.
	madeRate = 60
	// maxStreams is how many streams a file may have. Cameras write up to ten; thousands are only there to keep us busy.
	maxStreams = 32
)

// Errors that a person may see. Others that are returned are ours: a program that is missing, a full disk, a context that ended.
var (
	// ErrFormat says that the bytes are nothing that is read here, or damaged.
	ErrFormat = errs.Invalid("The file could not be read as a video, sound or picture.")
	// ErrTooLarge says that a file has too many bytes, or that too much memory would be needed.
	ErrTooLarge = errs.New(errs.TooLargeKind, "The file is too large.")
	// ErrTooManyPixels says that frames are too wide and high.
	ErrTooManyPixels = errs.Invalid("The width and height of the picture are too large.")
	// ErrTooFast says that there are too many frames a second.
	ErrTooFast = errs.Invalid("Videos of more than %d frames a second are not supported.", MaxFrameRate)
	// ErrTooLong says that there are too many frames, or that the sound would not fit into a file.
	ErrTooLong = errs.Invalid("The video or sound is too long.")
	// ErrTooSlow says that the work took more time than it may.
	ErrTooSlow = errs.Invalid("The file takes too long to process.")
	// ErrUnavailable says that the programs for this are not there.
	ErrUnavailable = errs.Invalid("Files of this type cannot be processed here.")
)

// Command prepares a run of a program within limits that hold before it begins, as sandbox.Command does.
type Command func(ctx context.Context, l sandbox.Limits, name string, args ...string) *exec.Cmd

// Options are for Find. The zero value is fine.
type Options struct {
	// FFmpeg, FFprobe and HEIF (heif-dec or heif-convert) are paths of programs; empty ones are looked for in PATH.
	FFmpeg, FFprobe, HEIF string
	// Command replaces the way in which programs are run.
	Command Command
	// CPU replaces how much time a conversion may compute (convertCPU); for tests.
	CPU time.Duration
}

// Tools are the programs found, and what they can do. A nil one can do nothing.
type Tools struct {
	ffmpeg, ffprobe, heif string
	command               Command
	cpu                   time.Duration
	can                   map[ability]bool
	log                   *slog.Logger
}

// Result is a finished file in the folder that the caller gave.
type Result struct {
	Path string
	// Type is its MIME type and Ext the end of its name, with the dot.
	Type, Ext string
	// Info tells of the file made; of pictures it has Width and Height only.
	Info Info
}

// largeFrame is how many pixels a frame has from which on one thread takes what memoryLimit allows: more than 1920×1080, with its edges.
const largeFrame = 2_100_000

// threads is how many threads a run has that works on frames of so many pixels: each has frames of its own, and must fit into memoryLimit.
func threads(ctx context.Context, pixels int) int {
	if pixels > largeFrame {
		return 1
	}
	return sandbox.Threads(ctx)
}
