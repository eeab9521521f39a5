# Debian twice, the same release: what is compiled in one image runs in the other.
FROM node:24-bookworm AS dependencies
WORKDIR /app
COPY package.json package-lock.json ./
# Never --omit=optional: the SQLite driver and the compiled half of argon2 are optional packages.
RUN npm ci --omit=dev --no-audit --no-fund

FROM node:24-bookworm AS build
WORKDIR /app
COPY package.json package-lock.json ./
# The pages are built from these two, and npm installs what their manifests ask for.
COPY packages packages
COPY web web
RUN npm ci --no-audit --no-fund
COPY tsconfig.json tsconfig.build.json ./
COPY src src
RUN npm run build

FROM node:24-bookworm-slim
ENV NODE_ENV=production HOST=0.0.0.0
WORKDIR /app
COPY package.json ./
COPY --from=dependencies /app/node_modules node_modules
COPY schema schema
COPY --from=build /app/dist dist
# The only folder that is written to. A new volume takes over its owner and its mode.
RUN install -d -o node -g node -m 0700 data
VOLUME /app/data
USER node
EXPOSE 4000
HEALTHCHECK --interval=30s --timeout=5s --start-period=30s --start-interval=1s \
  CMD ["node", "-e", "fetch(`http://127.0.0.1:${process.env.PORT || 4000}/readyz`).then(({ ok }) => process.exit(ok ? 0 : 1), () => process.exit(1))"]
# Without a shell in between, so that SIGTERM reaches the server.
ENTRYPOINT ["node", "dist/cli/latchkey.cjs"]
CMD ["serve"]
