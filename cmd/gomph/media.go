package main

// mediaCmd is what is done with the files.
type mediaCmd struct {
	Cost   mediaCostCmd   `cmd:"" help:"Tell what the S3 server costs, from what it was asked and the prices that you name."`
	Nginx  mediaNginxCmd  `cmd:"" help:"Print a configuration of nginx as cache and proxy in front of the bucket, with local files as fallback."`
	Policy mediaPolicyCmd `cmd:"" help:"Print the policy that a bucket needs, or that the application's key does."`
	Probe  mediaProbeCmd  `cmd:"" help:"Find out who may do what with the files: it asks as a stranger, and as the application."`
}
