# The worker, with the client tools of PostgreSQL 18: pg_dump takes backups of servers up to its own version.
FROM node:20.19-trixie-slim AS build
WORKDIR /app
COPY package.json package-lock.json ./
RUN npm ci --ignore-scripts
COPY . .
RUN npm run build && npm prune --omit=dev --ignore-scripts

FROM node:20.19-trixie-slim
# Debian itself has an older client; this is the repository of the PostgreSQL project
RUN apt-get update \
 && apt-get install -y --no-install-recommends ca-certificates postgresql-common \
 && /usr/share/postgresql-common/pgdg/apt.postgresql.org.sh -y \
 && apt-get install -y --no-install-recommends postgresql-client-18 \
 && rm -rf /var/lib/apt/lists/*
ENV NODE_ENV=production REKEY_PG_BIN=/usr/lib/postgresql/18/bin
WORKDIR /app
# the worker's hooks and plans of the example are scripts that need no build
COPY --from=build /app ./
RUN mkdir /backups && chown node:node /backups && ln -s /app/bin/rekey.js /usr/local/bin/rekey
VOLUME /backups
USER node
CMD ["node", "bin/rekey.js", "worker"]
