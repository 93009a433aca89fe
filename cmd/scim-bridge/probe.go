package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"time"

	"github.com/spf13/cobra"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/scim/client"
)

func newProbe() *cobra.Command {
	var limit time.Duration
	cmd := &cobra.Command{
		Use:   "probe URL...",
		Short: "Wait until URLs answer with success",
		Long: `Wait until each URL answers a GET request with success. The exit code is 1 when a URL does
not do so in time. Use the command where there is no shell, as in the image: in the health check
of a container runtime, with http://127.0.0.1:9091/readyz. The test of the Helm chart uses it
too.`,
		Args: cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, urls []string) error {
			for _, text := range urls {
				if u, err := url.Parse(text); err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
					return codedError{exitUsage, fmt.Errorf("%q is not a URL of http or https", text)}
				}
			}
			ctx, cancel := context.WithTimeout(cmd.Context(), limit)
			defer cancel()
			for _, text := range urls {
				if err := waitForURL(ctx, text); err != nil {
					return err
				}
				fmt.Fprintln(cmd.OutOrStdout(), text, "answers")
			}
			return nil
		},
	}
	cmd.Flags().DurationVar(&limit, "timeout", 30*time.Second, "how long to wait for all URLs together")
	return cmd
}

// waitForURL repeats the request until it succeeds or ctx ends.
func waitForURL(ctx context.Context, to string) error {
	const pause, limit = 500 * time.Millisecond, 5 * time.Second
	asked := &http.Client{Timeout: limit}
	err := client.Repeat{Pause: pause}.Do(ctx, func(ctx context.Context, _ bool) error { return askOnce(ctx, asked, to) })
	if err != nil {
		return fmt.Errorf("%s: %w", to, err)
	}
	return nil
}

func askOnce(ctx context.Context, with *http.Client, to string) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, to, nil)
	if err != nil {
		return err
	}
	res, err := with.Do(req)
	if err != nil {
		return err
	}
	if err := res.Body.Close(); err != nil {
		return err
	}
	if res.StatusCode >= http.StatusMultipleChoices {
		return errors.New(res.Status)
	}
	return nil
}
