package app

import (
	"time"

	"github.com/gomph/gomph/internal/kit/blob/s3"
	"github.com/gomph/gomph/internal/kit/config"
)

// s3Options are what the settings say of the S3 server with the files; false when files are in a folder.
func s3Options(c *config.Config) (o s3.Options, on bool, err error) {
	if !c.S3() {
		return o, false, nil
	}
	roots, err := authorities(c.CAFile)
	if err != nil {
		return o, false, err
	}
	return s3.Options{
		Endpoint: c.S3Endpoint, Region: c.S3Region, Bucket: c.S3Bucket, AccessKey: c.S3Key, SecretKey: c.S3Secret, Protocol: c.S3Protocol,
		// As Mastodon has it: by path on a server that is named, by host on Amazon's.
		PathStyle:  c.S3Endpoint != "" && c.S3HostStyle != "true",
		Permission: c.S3Permission, Prefix: c.S3Prefix, StorageClass: c.S3StorageClass,
		SingleRequest: c.S3SingleRequest == "true", MultipartAbove: c.S3Threshold,
		OpenTimeout: time.Duration(c.S3OpenTimeout) * time.Second, ReadTimeout: time.Duration(c.S3ReadTimeout) * time.Second,
		Retries: c.S3Retries, Roots: roots,
	}, true, nil
}
