package clip

import (
	"context"
	"encoding/json"
	"fmt"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// Info is what is known of a file. What it does not have, or does not tell, is zero.
type Info struct {
	Kind Kind
	// Format is ffmpeg's name for what the file is built as.
	Format string
	// Duration in seconds; 0 where the file does not tell.
	Duration float64
	// Width and Height in pixels as they are seen: turned, and with pixels that are not square made so. 0 for sound.
	Width, Height int
	// FrameRate is how many frames a second there are on average, BaseRate the lowest one at which every frame has its time.
	FrameRate, BaseRate float64
	// Bitrate of all in bits a second, AudioBitrate of the sound.
	Bitrate, AudioBitrate int
	// VideoCodec, PixelFormat and AudioCodec have ffmpeg's names: h264, yuv420p, aac.
	VideoCodec, PixelFormat, AudioCodec string
	// Channels is how sound is laid out: mono, stereo, 5.1. SampleRate is in Hz.
	Channels   string
	SampleRate int
	// Frames is how many there are, or about how many.
	Frames int
	// Rotation by which the frames are to be turned: 0, 90, 180 or 270 degrees, clockwise.
	Rotation int
	// HasArtwork says that sound has a cover in it.
	HasArtwork bool

	channels int
	// square is false where pixels are not.
	square bool
	// light is how bright the pixels are meant; zero for what every screen shows.
	light light
}

// HasVideo reports whether there are moving pictures; a cover is none. HasAudio reports whether there is sound.
func (i Info) HasVideo() bool { return i.VideoCodec != "" }

// HasAudio reports whether there is sound.
func (i Info) HasAudio() bool { return i.AudioCodec != "" }

// decoders are the only ones of ffmpeg's hundreds that files of strangers reach: those of codecs that phones, cameras, browsers and editors
// write. The others are old, and less looked after. Those of subtitles are never run, but ffprobe refuses a file with a stream that it cannot
// open.
const decoders = "h264,hevc,vp8,vp9,libvpx,libvpx-vp9,libdav1d,libaom-av1,av1,mpeg4,mpeg2video,mpeg1video,h263,mjpeg,png,prores,dnxhd,theora,gif,rawvideo,qtrle,wmv2,wmv3,vc1," +
	"aac,aac_fixed,aac_latm,mp3,mp3float,mp2,mp2float,mp1,mp1float,vorbis,libvorbis,opus,libopus,flac,alac,ac3,eac3,amrnb,amrwb,libopencore_amrnb,libopencore_amrwb," +
	"libspeex,speex,wmav1,wmav2,wmapro,adpcm_ms,adpcm_ima_wav,adpcm_ima_qt,gsm_ms,pcm_s16le,pcm_s16be,pcm_s24le,pcm_s24be,pcm_s32le,pcm_s32be,pcm_f32le,pcm_f32be,pcm_f64le," +
	"pcm_f64be,pcm_u8,pcm_s8,pcm_alaw,pcm_mulaw," +
	"srt,subrip,ass,ssa,mov_text,webvtt,text,dvdsub,dvbsub,pgssub,cc_dec"

// input are the arguments of ffmpeg and ffprobe that bind them to one file of one kind. The name follows "file:", so that nothing in it is
// taken for anything else.
func input(path string, kind Kind, threads int) []string {
	demuxer := string(kind)
	if kind == AVIF || kind == HEIC {
		demuxer = "mov"
	}
	return []string{"-protocol_whitelist", "file,pipe", "-codec_whitelist", decoders, "-max_streams", strconv.Itoa(maxStreams), "-threads", strconv.Itoa(threads),
		"-f", demuxer, "-i", "file:" + path}
}

// asked are the only parts of ffprobe's answer that are wanted: titles and comments of strangers stay out.
const asked = "format=format_name,duration,bit_rate,nb_streams:stream=codec_type,codec_name,width,height,pix_fmt,color_space,color_transfer,color_primaries,sample_aspect_ratio,r_frame_rate,avg_frame_rate,nb_frames," +
	"bit_rate,duration,channels,channel_layout,sample_rate:stream_disposition=attached_pic:stream_side_data=rotation:side_data=rotation"

// answer is what ffprobe says.
type answer struct {
	Streams []stream `json:"streams"`
	Format  struct {
		Name     string `json:"format_name"`
		Duration string `json:"duration"`
		Bitrate  string `json:"bit_rate"`
	} `json:"format"`
}

type stream struct {
	Type          string `json:"codec_type"`
	Codec         string `json:"codec_name"`
	Width         int    `json:"width"`
	Height        int    `json:"height"`
	PixelFormat   string `json:"pix_fmt"`
	Matrix        string `json:"color_space"`
	Transfer      string `json:"color_transfer"`
	Primaries     string `json:"color_primaries"`
	Aspect        string `json:"sample_aspect_ratio"`
	BaseRate      string `json:"r_frame_rate"`
	FrameRate     string `json:"avg_frame_rate"`
	Frames        string `json:"nb_frames"`
	Bitrate       string `json:"bit_rate"`
	Duration      string `json:"duration"`
	Channels      int    `json:"channels"`
	ChannelLayout string `json:"channel_layout"`
	SampleRate    string `json:"sample_rate"`
	Disposition   struct {
		Artwork int `json:"attached_pic"`
	} `json:"disposition"`
	SideData []struct {
		Rotation float64 `json:"rotation"`
	} `json:"side_data_list"`
}

// Probe tells what is in a file of a kind that Sniff told. A file over a limit is one of the errors of this package, and so is one with
// neither pictures nor sound. Of AVIF and HEIC it tells how many pixels there are, without decoding any.
func (t *Tools) Probe(ctx context.Context, path string, kind Kind) (Info, error) {
	if !t.Can(kind) {
		return Info{}, ErrUnavailable
	}
	path, err := regular(path, MaxSize)
	if err != nil {
		return Info{}, err
	}
	if kind == AVIF || kind == HEIC {
		found, err := readStill(path)
		return Info{Kind: kind, Format: string(kind), Width: found.width, Height: found.height}, err
	}
	info, err := t.look(ctx, path, kind)
	if err != nil {
		return Info{}, err
	}
	return info, info.check()
}

// regular makes a path absolute and checks that there is a file, of at most so many bytes.
func regular(path string, most int64) (string, error) {
	path, err := filepath.Abs(path)
	if err != nil {
		return "", fmt.Errorf("finding a file: %w", err)
	}
	found, err := os.Lstat(path)
	switch {
	case err != nil:
		return "", fmt.Errorf("finding a file: %w", err)
	case !found.Mode().IsRegular():
		return "", fmt.Errorf("finding a file: %w: not a regular one", fs.ErrInvalid)
	case found.Size() > most:
		return "", ErrTooLarge
	}
	return path, nil
}

func (t *Tools) look(ctx context.Context, path string, kind Kind) (Info, error) {
	args := append([]string{"-hide_banner", "-loglevel", "error", "-of", "json", "-show_entries", asked}, input(path, kind, 1)...)
	out, err := t.run(ctx, "", path, lookCPU, t.ffprobe, args...)
	if err != nil {
		return Info{}, err
	}
	var a answer
	if err := json.Unmarshal(out, &a); err != nil {
		return Info{}, fmt.Errorf("%w: reading ffprobe's answer: %w", ErrFormat, err)
	}
	if len(a.Streams) > maxStreams {
		return Info{}, fmt.Errorf("%w: %d streams", ErrFormat, len(a.Streams))
	}
	info := a.info()
	info.Kind = kind
	return info, nil
}

// info takes the first pictures and the first sound; the others are never looked at.
func (a answer) info() Info {
	info := Info{Format: a.Format.Name, Duration: number(a.Format.Duration), Bitrate: int(number(a.Format.Bitrate)), square: true}
	for _, s := range a.Streams {
		switch {
		case s.Type == "video" && s.Disposition.Artwork != 0:
			info.HasArtwork = true
		case s.Type == "video" && info.VideoCodec == "":
			s.video(&info)
		case s.Type == "audio" && info.AudioCodec == "" && s.Codec != "" && s.Channels > 0 && number(s.SampleRate) > 0:
			info.AudioCodec, info.AudioBitrate, info.SampleRate = s.Codec, int(number(s.Bitrate)), int(number(s.SampleRate))
			info.channels, info.Channels = s.Channels, layout(s)
		}
	}
	return info
}

func (s stream) video(info *Info) {
	info.VideoCodec, info.PixelFormat = s.Codec, s.PixelFormat
	if s.Codec == "" {
		info.VideoCodec = "unknown"
	}
	info.light = s.light()
	info.Width, info.Height = s.Width, s.Height
	info.FrameRate, info.BaseRate = ratio(s.FrameRate, "/"), ratio(s.BaseRate, "/")
	if aspect := ratio(s.Aspect, ":"); aspect > 0 && aspect != 1 {
		info.square = false
		if aspect >= 0.1 && aspect <= 10 { // beyond that it is nonsense
			info.Width = max(1, int(math.Round(float64(s.Width)*aspect)))
		}
	}
	for _, d := range s.SideData {
		if d.Rotation != 0 {
			info.Rotation = (int(math.Round(-d.Rotation/90))*90%360 + 360) % 360
		}
	}
	if info.Rotation%180 != 0 {
		info.Width, info.Height = info.Height, info.Width
	}
	info.Frames = int(number(s.Frames))
	if info.Frames == 0 {
		info.Frames = int(math.Round(max(info.Duration, number(s.Duration)) * info.FrameRate))
	}
}

func layout(s stream) string {
	if s.ChannelLayout != "" && s.ChannelLayout != "unknown" {
		name, _, _ := strings.Cut(s.ChannelLayout, "(") // 5.1(side)
		return name
	}
	switch s.Channels {
	case 1:
		return "mono"
	case 2:
		return "stereo"
	}
	return strconv.Itoa(s.Channels) + " channels"
}

// check holds a file to the limits.
func (i Info) check() error {
	switch {
	case !i.HasVideo() && !i.HasAudio():
		return fmt.Errorf("%w: neither pictures nor sound", ErrFormat)
	case !i.HasVideo():
		return nil
	case i.Width <= 0 || i.Height <= 0:
		return fmt.Errorf("%w: frames without a size", ErrFormat)
	case i.Width > maxSide || i.Height > maxSide || i.Width*i.Height > MaxVideoPixels:
		return ErrTooManyPixels
	case math.Floor(i.FrameRate) > MaxFrameRate:
		return ErrTooFast
	case i.Frames > MaxFrames:
		return ErrTooLong
	}
	return nil
}

// number reads one of ffprobe's numbers; 0 for what is none, or absurd.
func number(text string) float64 {
	n, err := strconv.ParseFloat(text, 64)
	if err != nil || math.IsNaN(n) || n < 0 || n > math.MaxInt32*64 {
		return 0
	}
	return n
}

// ratio reads two numbers as one divided by the other; 0 where that cannot be done.
func ratio(text, by string) float64 {
	above, below, _ := strings.Cut(text, by)
	if number(below) == 0 {
		return 0
	}
	return number(above) / number(below)
}
