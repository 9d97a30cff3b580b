package config

import (
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"strings"
)

// Disk is the name of the place of files that is GOMPH_DATA/system.
const Disk = "disk"

// PlaceFile reads the lines of a file that say where files are on an S3 server. Lines that say something else are left out, so that a whole
// settings file will do.
func PlaceFile(path string) (*Files, error) {
	lines, err := ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("reading %s, which should say where files are: %w", path, err)
	}
	f := &Files{}
	v := reflect.ValueOf(f).Elem()
	for _, s := range Settings() {
		field, ours := v.Type().FieldByName(reflect.TypeFor[Config]().FieldByIndex(s.Index).Name)
		if s.Group != "Files" || !ours {
			continue
		}
		if err := s.set(v.FieldByIndex(field.Index), lines); err != nil {
			return nil, fmt.Errorf("%s: %w", path, err)
		}
	}
	f.S3Enabled = "true"
	if err := f.checkFiles(); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return f, nil
}

// Read makes settings of lines alone, without the environment, and checks them.
func Read(lines map[string]string) (*Config, error) {
	c := &Config{}
	for _, s := range Settings() {
		if err := s.set(reflect.ValueOf(c).Elem().FieldByIndex(s.Index), lines); err != nil {
			return nil, err
		}
	}
	return c, c.Check(false)
}

// set gives a field the value that lines say, or its default.
func (s Setting) set(field reflect.Value, lines map[string]string) error {
	text := s.Default
	for _, name := range slices.Backward(s.Env) { // the first name counts
		if value, said := lines[name]; value != "" || said && field.Kind() == reflect.String { // nothing may be what was meant, as for S3_PERMISSION
			text = value
		}
	}
	switch field.Kind() {
	case reflect.String:
		field.SetString(text)
	case reflect.Int, reflect.Int64:
		n, err := strconv.ParseInt(text, 10, 64)
		if text != "" && err != nil {
			return fmt.Errorf("%s must be a number, not %q", s.Env[0], text)
		}
		field.SetInt(n)
	case reflect.Slice:
		if text != "" {
			field.Set(reflect.ValueOf(strings.Split(text, ",")))
		}
	}
	return nil
}
